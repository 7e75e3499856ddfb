import { defineFaults } from '../kernel/errors.ts';

export const httpFault = defineFaults({
  HTTP_NOT_FOUND: ['missing', 'There is nothing at this address.'],
  HTTP_METHOD: ['method', 'This address does not take that method.'],
  HTTP_BODY_MISSING: ['invalid', 'The request needs a body.'],
  HTTP_BODY_NOT_JSON: ['invalid', 'The body is not valid JSON.'],
  HTTP_BODY_NOT_UTF8: ['invalid', 'The body is not valid UTF-8.'],
  HTTP_BODY_TOO_DEEP: ['invalid', 'The body is nested too deeply.'],
  HTTP_BODY_TOO_LARGE: ['too-large', 'The body is too large.'],
  HTTP_BODY_CUT_SHORT: ['invalid', 'The body ended before it was complete.'],
  HTTP_BODY_TOO_SLOW: ['too-slow', 'The body did not arrive in time.'],
  HTTP_BODY_TYPE: ['unsupported', 'The content type of the body is not one that this address takes.'],
  HTTP_BODY_ENCODING: ['unsupported', 'The content encoding of the body is not taken here.'],
  HTTP_BODIES_BUSY: ['unavailable', 'Too many bodies are being read at the moment.'],
  HTTP_INPUT_REFUSED: ['unprocessable', 'The request does not have the required shape.'],
  HTTP_MALFORMED: ['invalid', 'The request is malformed.'],
  HTTP_CROSS_SITE: ['forbidden', 'The request comes from another site.'],
  HTTP_TWO_CREDENTIALS: ['invalid', 'The request carries more than one credential.'],
});
