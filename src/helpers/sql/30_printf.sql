-- printf() with a format that is known only at run time.

-- The arguments come as text, and as what they are as integers where that is not what their text begins with; NULL is allowed.
CREATE OR REPLACE FUNCTION litewire._printf(f text, a text[], whole int8[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  out text := '';
  rest text := f;
  m text[];
  k int := 0;
  v text;
  s text;
  fl text;
  w int;
  pr int;
  cv text;
  n numeric;
  sg text;
  e int;
BEGIN
  IF f IS NULL THEN
    RETURN NULL;
  END IF;
  LOOP
    m := regexp_match(rest, '^([^%]*)%([-+ 0#!,]*)(\*|\d+)?(?:\.(\*|\d+)?)?(l{0,2})([a-zA-Z%])(.*)$');
    IF m IS NULL THEN
      out := out || substring(rest from '^[^%]*');
      IF rest ~ '%' AND rest ~ '%$' THEN
        out := out||'%';
      END IF;
      RETURN out;
    END IF;
    out := out || m[1];
    fl := m[2];
    cv := m[6];
    s := NULL;
    IF m[3]='*' THEN
      k := k+1;
      w := coalesce(whole[k], litewire.cast_int(a[k]));
      IF w<0 THEN
        fl := fl||'-';
        w := -w;
      END IF;
    ELSE
      w := coalesce(m[3]::int,0);
    END IF;
    IF m[4]='*' THEN
      k := k+1;
      pr := abs(coalesce(whole[k], litewire.cast_int(a[k])));
    ELSE
      pr := coalesce(m[4]::int, CASE WHEN pg_catalog.substr(rest, length(m[1])+2) ~ '^[-+ 0#!,]*(\*|\d+)?\.' THEN 0 END);
    END IF;
    rest := m[7];
    IF cv NOT IN ('%', 'n') THEN
      k := k+1;
      v := a[k];
    END IF;
    CASE
      WHEN cv='%' THEN
        s := '%';
      WHEN cv='n' THEN
        CONTINUE;
      WHEN cv IN ('d','i','u','r') THEN
        n := coalesce(whole[k], litewire.cast_int(v), 0);
        sg := CASE WHEN n<0 THEN '-' WHEN fl~'\+' THEN '+' WHEN fl~' ' THEN ' ' ELSE '' END;
        IF cv='u' AND n<0 THEN
          n := n+18446744073709551616;
          sg := '';
        END IF;
        s := abs(n)::text;
        IF cv='r' THEN
          s := s||CASE WHEN s ~ '1[0-9]$' THEN 'th' WHEN s ~ '1$' THEN 'st' WHEN s ~ '2$' THEN 'nd' WHEN s ~ '3$' THEN 'rd' ELSE 'th' END;
        END IF;
        IF pr IS NOT NULL AND length(s)<pr THEN
          s := lpad(s,pr,'0');
        END IF;
        IF fl~',' THEN
          s := regexp_replace(s,'(\d)(?=(\d{3})+$)','\1,','g');
        END IF;
        IF fl~'0' AND fl!~'-' AND length(s)+length(sg)<w THEN
          s := lpad(s,w-length(sg),'0');
        END IF;
        s := sg||s;
      WHEN cv IN ('x','X','o','p') THEN
        n := coalesce(whole[k], litewire.cast_int(v), 0);
        IF cv='o' THEN
          s := '';
          IF n<0 THEN
            n := n+18446744073709551616;
          END IF;
          LOOP
            s := (mod(n,8))::text||s;
            n := div(n,8);
            EXIT WHEN n=0;
          END LOOP;
        ELSE
          s := to_hex(n::int8);
          IF cv<>'x' THEN
            s := upper(s);
          END IF;
        END IF;
        IF fl~'0' AND length(s)<w THEN
          s := lpad(s,w,'0');
        END IF;
      WHEN cv IN ('f','e','E','g','G') THEN
        n := CASE WHEN v IS NULL THEN 0 ELSE litewire.exact(litewire.cast_real(v)) END;
        pr := coalesce(pr,6);
        sg := CASE WHEN n<0 THEN '-' WHEN fl~'\+' THEN '+' WHEN fl~' ' THEN ' ' ELSE '' END;
        n := abs(n);
        e := CASE WHEN n=0 THEN 0 ELSE floor(log(n))::int END;
        IF cv IN ('g','G') THEN
          pr := greatest(pr,1);
          IF n>0 THEN
            n := round(n, pr-1-e);
            e := CASE WHEN n=0 THEN 0 ELSE floor(log(n))::int END;
          END IF;
          IF e < -4 OR e >= pr THEN
            s := rtrim(rtrim(round(n*('1e' || -e)::numeric,pr-1)::text,'0'),'.')||'e'||CASE WHEN e<0 THEN '-' ELSE '+' END||lpad(abs(e)::text,greatest(2,length(abs(e)::text)),'0');
          ELSE
            s := round(n, greatest(pr-1-e,0))::text;
            IF s ~ '\.' THEN
              s := rtrim(rtrim(s,'0'),'.');
            END IF;
          END IF;
          IF cv='G' THEN
            s := upper(s);
          END IF;
        ELSIF cv='f' THEN
          s := round(n,pr)::text;
          IF fl~',' THEN
            s := regexp_replace(split_part(s,'.',1),'(\d)(?=(\d{3})+$)','\1,','g')||CASE WHEN pr>0 THEN '.'||split_part(s,'.',2) ELSE '' END;
          END IF;
        ELSE
          IF n>0 THEN
            n := round(n*('1e' || -e)::numeric,pr);
            IF n>=10 THEN
              n := n/10;
              e := e+1;
            END IF;
          END IF;
          s := round(n,pr)::text||CASE WHEN cv='e' THEN 'e' ELSE 'E' END||CASE WHEN e<0 THEN '-' ELSE '+' END||lpad(abs(e)::text,greatest(2,length(abs(e)::text)),'0');
        END IF;
        IF fl~'0' AND fl!~'-' AND length(s)+length(sg)<w THEN
          s := lpad(s,w-length(sg),'0');
        END IF;
        s := sg||s;
      WHEN cv IN ('s','z') THEN
        s := coalesce(v,'');
        IF pr IS NOT NULL THEN
          s := left(s,pr);
        END IF;
      WHEN cv='c' THEN
        s := left(coalesce(v,''),1);
        IF pr>1 THEN
          s := repeat(s,pr);
        END IF;
      WHEN cv='q' THEN
        s := coalesce(replace(v,'''',''''''),'(NULL)');
      WHEN cv='Q' THEN
        s := litewire.quote_text(v);
      WHEN cv='w' THEN
        s := coalesce(replace(v,'"','""'),'(NULL)');
      ELSE
        RETURN out;
    END CASE;
    IF length(s)<w THEN
      s := CASE WHEN fl~'-' THEN s||repeat(' ',w-length(s)) ELSE repeat(' ',w-length(s))||s END;
    END IF;
    out := out||s;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION litewire.printf(f text, VARIADIC a text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire._printf(f, a, NULL)
$$;
