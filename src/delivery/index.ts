/** Floor 3. E-mail, SMS and signed webhooks on their way out: an outbox with retry. */
export { type AlertConfig, readAlertConfig } from './alert-config.ts';
export { deliveryConfig, unsafeDelivery } from './config.ts';
export { createDelivery, type Delivery } from './delivery.ts';
export { deliveryFault } from './errors.ts';
export { deliveryMigrations } from './migrations/index.ts';
export { deliveryRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
