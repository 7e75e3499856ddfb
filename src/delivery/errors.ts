import { defineFaults } from '../kernel/errors.ts';

export const deliveryFault = defineFaults({
  DELIVERY_MESSAGE_REFUSED: ['unprocessable', 'The message cannot be sent as it is.'],
  DELIVERY_CHANNEL_OFF: ['conflict', 'Messages of this kind are not set up here.'],
  DELIVERY_UNKNOWN: ['missing', 'There is no such delivery.'],
  DELIVERY_CONTENTS_GONE: ['conflict', 'What was to be delivered is no longer kept, so it cannot be sent again.'],
  DELIVERY_URL_REFUSED: ['unprocessable', 'Webhooks are not sent to this URL.'],
  DELIVERY_WEBHOOK_UNKNOWN: ['missing', 'There is no such webhook.'],
  DELIVERY_WEBHOOK_DISABLED: ['conflict', 'The webhook is disabled.'],
  DELIVERY_BACKLOG_FULL: ['limited', 'As many messages wait here as may wait; try again once some have gone out.'],
  DELIVERY_WEBHOOKS_FULL: ['conflict', 'The tenant has as many webhooks as it may have.'],
  DELIVERY_ALERTS_INVALID: ['invalid', 'The alert configuration is not valid.'],
});
