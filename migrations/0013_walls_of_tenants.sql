-- What a tenant is set to, and the keys that wait for somebody, no caller reads: a gateway does, for its platforms and to
-- hold each tenant to what is set for it.

select wall(name, 'nobody') from unnest(array['tenant_environments', 'hand_overs', 'undone_provisionings']) as name;
