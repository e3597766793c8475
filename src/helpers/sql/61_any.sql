-- Functions of a value of any class, whose result depends on its class.

CREATE OR REPLACE FUNCTION litewire.any_length(v litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN length((v).b) ELSE length(litewire.any_text(v)) END
$$;

CREATE OR REPLACE FUNCTION litewire.any_substr(v litewire."any", p int8, n int8) RETURNS litewire."any"
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (v).k WHEN 3 THEN litewire.v_blob(litewire.substr_blob((v).b, p, n)) ELSE litewire.v_text(litewire.substr(litewire.any_text(v), p, n)) END
$$;

-- instr(): by bytes where both are blobs.
CREATE OR REPLACE FUNCTION litewire.any_instr(a litewire."any", b litewire."any") RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (a).k = 3 AND (b).k = 3 THEN position((b).b IN (a).b) ELSE strpos(litewire.any_text(a), litewire.any_text(b)) END
$$;
