-- What a channel can carry by its site's file, so that validation judges by the same limit as the ingest.

ALTER TABLE channel_facts ADD COLUMN max_power_kw double precision;
COMMENT ON COLUMN channel_facts.max_power_kw IS 'Most that it carries by the site''s file ([ingest.channel_max_power_kw]), kW; null where the site''s limit holds.';
