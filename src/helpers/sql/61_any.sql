-- Functions of a value of any class, whose result depends on its class.

CREATE OR REPLACE FUNCTION litewire.any_length(v jsonb) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v) WHEN 'object' THEN length(v->>'b') / 2 ELSE length(litewire.any_text(v)) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_quote(v jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v)
           WHEN 'number' THEN litewire.quote_num(litewire.any_num(v))
           WHEN 'array' THEN litewire.quote_text(v->>0)
           WHEN 'object' THEN litewire.quote_blob(decode(v->>'b', 'hex'))
           ELSE 'NULL' END
$$;

CREATE OR REPLACE FUNCTION litewire.any_substr(v jsonb, p int8, n int8) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v)
           WHEN 'object' THEN litewire.v_blob(litewire.substr_blob(decode(v->>'b', 'hex'), p, n))
           ELSE litewire.v_text(litewire.substr(litewire.any_text(v), p, n)) END
$$;

-- instr(): by bytes where both are blobs.
CREATE OR REPLACE FUNCTION litewire.any_instr(a jsonb, b jsonb) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof(a) = 'object' AND jsonb_typeof(b) = 'object'
              THEN position(decode(b->>'b', 'hex') IN decode(a->>'b', 'hex'))
              ELSE strpos(litewire.any_text(a), litewire.any_text(b)) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_abs(v jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(v) WHEN 'number' THEN abs(litewire.any_num(v)) ELSE litewire.r2n(abs(litewire.any_num(v)::float8)) END
$$;
