-- Which API key an act was done with: its name is not its own alone.

alter table audit add column api_key text collate "C";

comment on column audit.api_key is 'of api_keys; null where the caller came with something else';

create index audit_by_api_key on audit (api_key, position desc) where api_key is not null and concludes is null;
