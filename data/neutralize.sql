-- A copy of a production database must not reach the Dataverse environment of production.
UPDATE integration_connection
   SET state = 'suspended',
       state_reason = 'Neutralized copy of a database.',
       stored_secret = NULL,
       stored_certificate = NULL,
       webhook_key = NULL,
       webhook_on = false;
UPDATE integration_checkpoint
   SET delta_link = NULL,
       next_link = NULL;
