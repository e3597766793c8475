-- Dates and times.  A moment is SQLite's: milliseconds since the Julian epoch.  `nowms` is the value of 'now' in milliseconds of Unix
-- time (litewire.now_ms()); without it 'now' fails, as it does in SQLite's indexes.  The time zone is an argument, so that the
-- functions stay immutable.

CREATE OR REPLACE FUNCTION litewire._ymd2jd(y int8, m int8, d int8) RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  a int8;
  b int8;
BEGIN
  IF m<=2 THEN
    y := y-1;
    m := m+12;
  END IF;
  a := (y+4800)/100;
  b := 38 - a + a/4;
  RETURN ((36525*(y+4716)/100 + 306001*(m+1)/10000 + d + b)*10 - 15245)*8640000;
END $$;

-- The date of a moment; NULL for one that SQLite has not (validJulianDay).
CREATE OR REPLACE FUNCTION litewire._d(jd int8) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN jd BETWEEN 0 AND 464269060799999 THEN date '1970-01-01' + ((jd+43200000)/86400000 - 2440588)::int END
$$;

CREATE OR REPLACE FUNCTION litewire._y(d date) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN extract(year FROM d)<0 THEN extract(year FROM d)::int8+1 ELSE extract(year FROM d)::int8 END
$$;

-- The current time as milliseconds of Unix time; one value per statement.
CREATE OR REPLACE FUNCTION litewire.now_ms() RETURNS int8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::int8
$$;

-- a[1] = time value, a[2..] = modifiers.  nowms = value of 'now' (NULL: 'now' is an error, for index/generated columns)
CREATE OR REPLACE FUNCTION litewire._dt(a text[], nowms int8, tz text DEFAULT 'UTC', OUT jd int8, OUT ss boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  t text := a[1];
  m text[];
  r float8;
  raws bool := false;
  valid bool := false;
  i int;
  md text;
  y int8;
  mo int8;
  d int8;
  nfl int8 := 0;
  x int8;
  n float8;
  tod int8;
  dt date;
  u text;
  base int8;
  fjd int8;
  fy int8;
  fm int8;
  fd int8;
BEGIN
  ss := false;
  IF cardinality(a)=0 THEN
    t := 'now';
  END IF;
  IF t IS NULL THEN
    RETURN;
  END IF;
  m := regexp_match(t, '^(-?\d{4})-(\d\d)-(\d\d)(?:(?:[ T\t\n]+(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))? *(Z|z|[-+]\d\d:\d\d)? *)|[ T]*)$');
  IF m IS NULL THEN
    m := regexp_match(t, '^()()()(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))? *(Z|z|[-+]\d\d:\d\d)? *$');
    IF m IS NOT NULL THEN
      m[1] := '2000';
      m[2] := '01';
      m[3] := '01';
    END IF;
  END IF;
  IF m IS NOT NULL THEN
    IF m[2]::int NOT BETWEEN 1 AND 12 OR m[3]::int NOT BETWEEN 1 AND 31 OR m[4]::int>24 OR (m[4]='24' AND (m[5]<>'00' OR m[6]::float8<>0)) OR m[5]::int>59 OR m[6]::float8>=60 THEN
      RETURN;
    END IF;
    jd := litewire._ymd2jd(m[1]::int8,m[2]::int8,m[3]::int8) + coalesce(m[4]::int8*3600000 + m[5]::int8*60000 + least(floor(coalesce(m[6]::float8,0)*1000+0.5),59999)::int8,0);
    IF m[7] IS NOT NULL AND upper(m[7])<>'Z' THEN
      jd := jd - (CASE
          WHEN left(m[7],1)='-' THEN -1
          ELSE 1 END)*(pg_catalog.substr(m[7],2,2)::int*60+pg_catalog.substr(m[7],5,2)::int)*60000;
    END IF;
    valid := true;
    -- A day that its month does not have stays as written while nothing has moved it.
    IF m[7] IS NULL OR upper(m[7])='Z' THEN
      fjd := jd;
      fy := m[1]::int8;
      fm := m[2]::int8;
      fd := m[3]::int8;
      nfl := greatest(fd - extract(day FROM make_date(greatest(abs(fy)::int,1),fm::int,1) + interval '1 month' - interval '1 day')::int8, 0);
    END IF;
  ELSIF lower(t)='now' THEN
    IF nowms IS NULL THEN
      RAISE EXCEPTION 'non-deterministic use of a date/time function';
    END IF;
    jd := nowms + 210866760000000;
    valid := true;
  ELSIF lower(t) IN ('subsec','subsecond') THEN
    IF nowms IS NULL THEN
      RAISE EXCEPTION 'non-deterministic use of a date/time function';
    END IF;
    jd := nowms + 210866760000000;
    valid := true;
    ss := true;
  ELSIF t ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$' THEN
    r := t::float8;
    raws := true;
    IF r>=0 AND r<5373484.5 THEN
      jd := floor(r*86400000.0+0.5)::int8;
      valid := true;
    END IF;
  ELSE
    RETURN;
  END IF;
  FOR i IN 2..coalesce(array_length(a,1),1) LOOP
    md := lower(a[i]);
    IF md IS NULL THEN
      jd := NULL;
      RETURN;
    END IF;
    IF md='unixepoch' OR (md='auto' AND raws AND NOT valid) THEN
      IF i<>2 OR NOT raws THEN
        jd := NULL;
        RETURN;
      END IF;
      r := r*1000.0+210866760000000.0;
      IF r<0 OR r>=464269060800000 THEN
        jd := NULL;
        RETURN;
      END IF;
      jd := floor(r+0.5)::int8;
      valid := true;
      raws := false;
    ELSIF md='auto' THEN
      IF i<>2 THEN
        jd := NULL;
        RETURN;
      END IF;
      raws := false;
    ELSIF md='julianday' THEN
      IF i<>2 OR NOT raws OR NOT valid THEN
        jd := NULL;
        RETURN;
      END IF;
      raws := false;
    ELSIF NOT valid THEN
      jd := NULL;
      RETURN;
    ELSIF md='subsec' OR md='subsecond' THEN
      ss := true;
    ELSIF md='floor' THEN
      jd := jd - nfl*86400000;
      nfl := 0;
    ELSIF md='ceiling' THEN
      nfl := 0;
      fjd := NULL;
    ELSIF md IN ('localtime','utc') THEN
      fjd := NULL;
      IF tz<>'UTC' THEN
        IF md='localtime' THEN
          jd := jd + (extract(epoch FROM (to_timestamp((jd-210866760000000)/1000.0) AT TIME ZONE tz) - (to_timestamp((jd-210866760000000)/1000.0) AT TIME ZONE 'UTC'))*1000)::int8;
        ELSE
          jd := jd - (extract(epoch FROM (to_timestamp((jd-210866760000000)/1000.0) AT TIME ZONE 'UTC') - ((to_timestamp((jd-210866760000000)/1000.0) AT TIME ZONE 'UTC') AT TIME ZONE tz AT TIME ZONE 'UTC'))*1000)::int8;
        END IF;
      END IF;
    ELSIF md LIKE 'weekday %' THEN
      IF pg_catalog.substr(md,9) !~ '^\s*[+-]?\d+(\.0*)?\s*$' THEN
        jd := NULL;
        RETURN;
      END IF;
      x := abs(pg_catalog.substr(md,9)::float8)::int8;
      IF x NOT BETWEEN 0 AND 6 THEN
        jd := NULL;
        RETURN;
      END IF;
      base := ((jd+129600000)/86400000)%7;
      IF base>x THEN
        base := base-7;
      END IF;
      jd := jd+(x-base)*86400000-CASE WHEN x<>base AND md ~ '-' THEN 604800000 ELSE 0 END;
    ELSIF md IN ('end of day','end of month','end of year') THEN
      IF jd = fjd THEN
        y := fy;
        mo := fm;
        d := fd;
      ELSE
        dt := litewire._d(jd);
        y := litewire._y(dt);
        mo := extract(month FROM dt);
        d := extract(day FROM dt);
      END IF;
      CASE pg_catalog.substr(md,8)
        WHEN 'day' THEN
          jd := litewire._ymd2jd(y,mo,d)+86399999;
        WHEN 'year' THEN
          jd := litewire._ymd2jd(y,12,31)+86399999;
        ELSE
          jd := CASE WHEN mo=12 THEN litewire._ymd2jd(y+1,1,1) ELSE litewire._ymd2jd(y,mo+1,1) END - 1;
      END CASE;
    ELSIF md LIKE 'start of %' THEN
      IF jd = fjd THEN
        y := fy;
        mo := fm;
        d := fd;
      ELSE
        dt := litewire._d(jd);
        y := litewire._y(dt);
        mo := extract(month FROM dt);
        d := extract(day FROM dt);
      END IF;
      CASE pg_catalog.substr(md,10)
        WHEN 'month' THEN
          jd := litewire._ymd2jd(y,mo,1);
        WHEN 'year' THEN
          jd := litewire._ymd2jd(y,1,1);
        WHEN 'day' THEN
          jd := litewire._ymd2jd(y,mo,d);
        ELSE
          jd := NULL;
          RETURN;
      END CASE;
    ELSE
      m := regexp_match(md,'^([+-])(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)?$');
      IF m IS NOT NULL THEN
        IF m[3]::int>11 OR m[4]::int>30 THEN
          jd := NULL;
          RETURN;
        END IF;
        IF jd = fjd THEN
          y := fy;
          mo := fm;
          d := fd;
        ELSE
          dt := litewire._d(jd);
          y := litewire._y(dt);
          mo := extract(month FROM dt);
          d := extract(day FROM dt);
        END IF;
        tod := (jd+43200000)%86400000;
        x := CASE WHEN m[1]='-' THEN -1 ELSE 1 END;
        y := y + x*m[2]::int8;
        mo := mo + x*m[3]::int8;
        base := CASE WHEN mo>0 THEN (mo-1)/12 ELSE (mo-12)/12 END;
        y := y+base;
        mo := mo-base*12;
        nfl := CASE
            WHEN d<=28 THEN 0
            WHEN mo IN (1,3,5,7,8,10,12) THEN 0
            WHEN mo<>2 THEN (d=31)::int
            WHEN y%4<>0 OR (y%100=0 AND y%400<>0) THEN d-28
            ELSE d-29 END;
        jd := litewire._ymd2jd(y,mo,d) + tod + x*m[4]::int8*86400000;
        IF m[5] IS NOT NULL THEN
          jd := jd + x*(m[5]::int8*3600000+m[6]::int8*60000+floor(coalesce(m[7]::float8,0)*1000+0.5)::int8);
        END IF;
        CONTINUE;
      END IF;
      m := regexp_match(md,'^([+-]?)(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?$');
      IF m IS NOT NULL THEN
        jd := jd + (CASE
            WHEN m[1]='-' THEN -1
            ELSE 1 END)*(m[2]::int8*3600000+m[3]::int8*60000+floor(coalesce(m[4]::float8,0)*1000+0.5)::int8);
        CONTINUE;
      END IF;
      m := regexp_match(md,'^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s+(second|minute|hour|day|month|year)s?$');
      IF m IS NULL THEN
        jd := NULL;
        RETURN;
      END IF;
      n := m[1]::float8;
      u := m[2];
      IF abs(n)>=4.6427e14 THEN
        jd := NULL;
        RETURN;
      END IF;
      IF u IN ('month','year') THEN
        IF jd = fjd THEN
          y := fy;
          mo := fm;
          d := fd;
        ELSE
          dt := litewire._d(jd);
          y := litewire._y(dt);
          mo := extract(month FROM dt);
          d := extract(day FROM dt);
        END IF;
        tod := (jd+43200000)%86400000;
        IF u='month' THEN
          mo := mo+trunc(n)::int8;
          base := CASE WHEN mo>0 THEN (mo-1)/12 ELSE (mo-12)/12 END;
          y := y+base;
          mo := mo-base*12;
        ELSE
          y := y+trunc(n)::int8;
        END IF;
        nfl := CASE
            WHEN d<=28 THEN 0
            WHEN mo IN (1,3,5,7,8,10,12) THEN 0
            WHEN mo<>2 THEN (d=31)::int
            WHEN y%4<>0 OR (y%100=0 AND y%400<>0) THEN d-28
            ELSE d-29 END;
        IF y<-4713 OR y>9999 THEN
          jd := NULL;
          RETURN;
        END IF;
        jd := litewire._ymd2jd(y,mo,d)+tod;
        n := n-trunc(n);
      ELSE
        nfl := 0;
      END IF;
      jd := jd + trunc(n*1000.0*(CASE u
          WHEN 'second' THEN 1
          WHEN 'minute' THEN 60
          WHEN 'hour' THEN 3600
          WHEN 'day' THEN 86400
          WHEN 'month' THEN 2592000
          ELSE 31536000 END) + CASE
          WHEN n<0 THEN -0.5
          ELSE 0.5 END)::int8;
    END IF;
  END LOOP;
  IF NOT valid OR jd<0 OR jd>464269060799999 THEN
    jd := NULL;
  END IF;
EXCEPTION WHEN numeric_value_out_of_range THEN
  jd := NULL;
END $$;

CREATE OR REPLACE FUNCTION litewire._fmt(jd int8, f text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  y int8;
  m int8;
  d int8;
  tod int8 := (jd+43200000)%86400000;
  i int := 1;
  n int := length(f);
  c text;
  o text := '';
  h int := tod/3600000;
  mi int := tod/60000%60;
  se int := tod/1000%60;
  doy int;
  wd int := ((jd+129600000)/86400000)%7;
  th int8;
  ty int8;
  dt date;
BEGIN
  dt := litewire._d(jd);
  y := litewire._y(dt);
  m := extract(month FROM dt);
  d := extract(day FROM dt);
  WHILE i<=n LOOP
    c := pg_catalog.substr(f,i,1);
    IF c<>'%' THEN
      o := o||c;
      i := i+1;
      CONTINUE;
    END IF;
    c := pg_catalog.substr(f,i+1,1);
    i := i+2;
    IF c IN ('j','U','W') THEN
      doy := extract(doy FROM dt)-1;
    END IF;
    IF c IN ('G','g','V') THEN
      th := jd + (3-(wd+6)%7)*86400000;
      ty := litewire._y(litewire._d(th));
      doy := extract(doy FROM litewire._d(th))-1;
    END IF;
    o := o || CASE c
        WHEN 'd' THEN lpad(d::text,2,'0')
        WHEN 'e' THEN lpad(d::text,2,' ')
        WHEN 'f' THEN lpad(se::text,2,'0')||'.'||lpad((tod%1000)::text,3,'0')
        WHEN 'F' THEN lpad(y::text,4,'0')||'-'||lpad(m::text,2,'0')||'-'||lpad(d::text,2,'0')
        WHEN 'H' THEN lpad(h::text,2,'0')
        WHEN 'k' THEN lpad(h::text,2,' ')
        WHEN 'I' THEN lpad(((h+11)%12+1)::text,2,'0')
        WHEN 'l' THEN lpad(((h+11)%12+1)::text,2,' ')
        WHEN 'j' THEN lpad((doy+1)::text,3,'0')
        WHEN 'J' THEN trim_scale(round(litewire.exact(jd/86400000.0::float8),16-length((jd/86400000)::text)))::text
        WHEN 'm' THEN lpad(m::text,2,'0')
        WHEN 'M' THEN lpad(mi::text,2,'0')
        WHEN 'p' THEN CASE WHEN h>=12 THEN 'PM' ELSE 'AM' END
        WHEN 'P' THEN CASE WHEN h>=12 THEN 'pm' ELSE 'am' END
        WHEN 'R' THEN lpad(h::text,2,'0')||':'||lpad(mi::text,2,'0')
        WHEN 's' THEN (jd/1000-210866760000)::text
        WHEN 'S' THEN lpad(se::text,2,'0')
        WHEN 'T' THEN lpad(h::text,2,'0')||':'||lpad(mi::text,2,'0')||':'||lpad(se::text,2,'0')
        WHEN 'u' THEN CASE WHEN wd=0 THEN '7' ELSE wd::text END
        WHEN 'w' THEN wd::text
        WHEN 'U' THEN lpad(((doy+7-wd)/7)::text,2,'0')
        WHEN 'W' THEN lpad(((doy+7-(wd+6)%7)/7)::text,2,'0')
        WHEN 'V' THEN lpad((doy/7+1)::text,2,'0')
        WHEN 'G' THEN lpad(ty::text,4,'0')
        WHEN 'g' THEN lpad((ty%100)::text,2,'0')
        WHEN 'Y' THEN CASE WHEN y<0 THEN '-'||lpad(abs(y)::text,4,'0') ELSE lpad(y::text,4,'0') END
        WHEN '%' THEN '%'
        ELSE NULL END;
    IF o IS NULL THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RETURN o;
END $$;

-- The functions of SQLite.  Arguments that never read the clock need no nowms, so that these may stand in indexes and generated columns.
CREATE OR REPLACE FUNCTION litewire.date(a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN CASE WHEN r.jd >= 148731163200000 THEN to_char(litewire._d(r.jd), 'YYYY-MM-DD')
              ELSE litewire._fmt(r.jd, '%Y-%m-%d') END;
END $$;

CREATE OR REPLACE FUNCTION litewire.time(a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN litewire._fmt(r.jd, CASE WHEN r.ss THEN '%H:%M:%f' ELSE '%H:%M:%S' END);
END $$;

CREATE OR REPLACE FUNCTION litewire.datetime(a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN CASE WHEN r.jd >= 148731163200000 AND NOT r.ss
              THEN to_char(timestamp '1970-01-01' + (r.jd / 1000 - 210866760000) * interval '1 second', 'YYYY-MM-DD HH24:MI:SS')
              ELSE litewire._fmt(r.jd, CASE WHEN r.ss THEN '%Y-%m-%d %H:%M:%f' ELSE '%Y-%m-%d %H:%M:%S' END) END;
END $$;

CREATE OR REPLACE FUNCTION litewire.julianday(a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN r.jd::float8 / 86400000.0;
END $$;

CREATE OR REPLACE FUNCTION litewire.unixepoch(a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS int8
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN r.jd / 1000 - 210866760000;
END $$;

CREATE OR REPLACE FUNCTION litewire.strftime(f text, a text[], nowms int8 DEFAULT NULL, tz text DEFAULT 'UTC') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  r constant record := litewire._dt(a, nowms, tz);
BEGIN
  RETURN litewire._fmt(r.jd, f);
END $$;

CREATE OR REPLACE FUNCTION litewire.timediff(a text, b text, nowms int8 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
DECLARE
  j1 int8 := (litewire._dt(ARRAY[a],nowms)).jd;
  j2 int8 := (litewire._dt(ARRAY[b],nowms)).jd;
  y1 int8;
  m1 int8;
  d1 int8;
  y2 int8;
  m2 int8;
  d2 int8;
  tod int8;
  yy int8;
  mm int8;
  sg text;
  st int;
BEGIN
  IF j1 IS NULL OR j2 IS NULL THEN
    RETURN NULL;
  END IF;
  y1 := litewire._y(litewire._d(j1));
  m1 := extract(month FROM litewire._d(j1));
  d1 := extract(day FROM litewire._d(j1));
  y2 := litewire._y(litewire._d(j2));
  m2 := extract(month FROM litewire._d(j2));
  d2 := extract(day FROM litewire._d(j2));
  tod := (j2+43200000)%86400000;
  IF j1>=j2 THEN
    sg := '+';
    st := -1;
    yy := y1-y2;
    mm := m1-m2;
  ELSE
    sg := '-';
    st := 1;
    yy := y2-y1;
    mm := m2-m1;
  END IF;
  y2 := y1;
  IF mm<0 THEN
    yy := yy-1;
    mm := mm+12;
  END IF;
  m2 := m1;
  j2 := litewire._ymd2jd(y2,m2,d2)+tod;
  WHILE (st=-1 AND j1<j2) OR (st=1 AND j1>j2) LOOP
    mm := mm-1;
    IF mm<0 THEN
      mm := 11;
      yy := yy-1;
    END IF;
    m2 := m2+st;
    IF m2<1 THEN
      m2 := 12;
      y2 := y2-1;
    ELSIF m2>12 THEN
      m2 := 1;
      y2 := y2+1;
    END IF;
    j2 := litewire._ymd2jd(y2,m2,d2)+tod;
  END LOOP;
  j1 := abs(j1-j2)+148699540800000;
  RETURN sg||lpad(yy::text,4,'0')||'-'||lpad(mm::text,2,'0')||'-'||lpad((extract(day FROM litewire._d(j1))-1)::text,2,'0')||litewire._fmt(j1,' %H:%M:%f');
END $$;

-- ISO text (date / datetime, optional fraction) -> timestamp, NULL when SQLite would give NULL; other shapes go through the general helper
CREATE OR REPLACE FUNCTION litewire.ts(t text) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $$
DECLARE
  r record;
BEGIN
  IF t ~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])([ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?$' THEN
    RETURN t::timestamp;
  END IF;
  r := litewire._dt(ARRAY[t],NULL);
  RETURN timestamp '1970-01-01' + ((r.jd-210866760000000)/1000.0)*interval '1 second';
END $$;

-- Native timestamps as SQLite would have stored them: `YYYY-MM-DD HH:MM:SS`, and a fraction only where there is one.
CREATE OR REPLACE FUNCTION litewire.ts_text(t timestamp) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
      WHEN date_trunc('second', t) = t THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS')
      ELSE rtrim(to_char(t, 'YYYY-MM-DD HH24:MI:SS.US'), '0') END
$$;

CREATE OR REPLACE FUNCTION litewire.tstz_text(t timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT litewire.ts_text(t AT TIME ZONE 'UTC')
$$;
