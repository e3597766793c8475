-- Tokens of full-text tables, as SQLite's tokenizers make them (fts5.html §4.3, fts3.html §8).  A tokenizer is told by an object:
--   t  unicode61, ascii or trigram        m  remove_diacritics (0, 1, 2)      k, s  characters that are tokens' or separators'
--   p  true for porter around it, 3 for FTS3's          x  true for a trigram that tells case
-- The tables are those of SQLite's unicode61, of Unicode 6.1; written in ASCII, so that a database of any encoding takes this script.

-- Characters of the categories L*, N* and Co, for a bracket expression.
CREATE OR REPLACE FUNCTION litewire._fts_letters() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT 'A-Za-z0-9'
    || '\u00AA\u00B2\u00B3\u00B5\u00B9\u00BA\u00BC-\u00BE\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02C1\u02C6-\u02D1\u02E0-\u02E4\u02EC\u02EE'
    || '\u0370-\u0374\u0376-\u037D\u037F-\u0383\u0386\u0388-\u03F5\u03F7-\u0481\u048A-\u0559\u0560-\u0588\u058B-\u058E\u0590\u05C8-\u05F2'
    || '\u05F5-\u05FF\u0605\u061C\u061D\u0620-\u064A\u0660-\u0669\u066E\u066F\u0671-\u06D3\u06D5\u06E5\u06E6\u06EE-\u06FC\u06FF\u070E\u0710'
    || '\u0712-\u072F\u074B-\u07A5\u07B1-\u07EA\u07F4\u07F5\u07FA-\u0815\u081A\u0824\u0828\u082E\u082F\u083F-\u0858\u085C\u085D\u085F-\u08E3'
    || '\u08FF\u0904-\u0939\u093D\u0950\u0958-\u0961\u0966-\u096F\u0971-\u0980\u0984-\u09BB\u09BD\u09C5\u09C6\u09C9\u09CA\u09CE-\u09D6'
    || '\u09D8-\u09E1\u09E4-\u09F1\u09F4-\u09F9\u09FC-\u0A00\u0A04-\u0A3B\u0A3D\u0A43-\u0A46\u0A49\u0A4A\u0A4E-\u0A50\u0A52-\u0A6F'
    || '\u0A72-\u0A74\u0A76-\u0A80\u0A84-\u0ABB\u0ABD\u0AC6\u0ACA\u0ACE-\u0AE1\u0AE4-\u0AEF\u0AF2-\u0B00\u0B04-\u0B3B\u0B3D\u0B45\u0B46'
    || '\u0B49\u0B4A\u0B4E-\u0B55\u0B58-\u0B61\u0B64-\u0B6F\u0B71-\u0B81\u0B83-\u0BBD\u0BC3-\u0BC5\u0BC9\u0BCE-\u0BD6\u0BD8-\u0BF2'
    || '\u0BFB-\u0C00\u0C04-\u0C3D\u0C45\u0C49\u0C4E-\u0C54\u0C57-\u0C61\u0C64-\u0C7E\u0C80\u0C81\u0C84-\u0CBB\u0CBD\u0CC5\u0CC9'
    || '\u0CCE-\u0CD4\u0CD7-\u0CE1\u0CE4-\u0D01\u0D04-\u0D3D\u0D45\u0D49\u0D4E-\u0D56\u0D58-\u0D61\u0D64-\u0D78\u0D7A-\u0D81\u0D84-\u0DC9'
    || '\u0DCB-\u0DCE\u0DD5\u0DD7\u0DE0-\u0DF1\u0DF5-\u0E30\u0E32\u0E33\u0E3B-\u0E3E\u0E40-\u0E46\u0E50-\u0E59\u0E5C-\u0EB0\u0EB2\u0EB3'
    || '\u0EBA\u0EBD-\u0EC7\u0ECE-\u0F00\u0F20-\u0F33\u0F40-\u0F70\u0F88-\u0F8C\u0F98\u0FBD\u0FCD\u0FDB-\u102A\u103F-\u1049\u1050-\u1055'
    || '\u105A-\u105D\u1061\u1065\u1066\u106E-\u1070\u1075-\u1081\u108E\u1090-\u1099\u10A0-\u10FA\u10FC-\u135C\u1369-\u138F\u139A-\u13FF'
    || '\u1401-\u166C\u166F-\u167F\u1681-\u169A\u169D-\u16EA\u16EE-\u1711\u1715-\u1731\u1737-\u1751\u1754-\u1771\u1774-\u17B3\u17D7\u17DC'
    || '\u17DE-\u17FF\u180F-\u18A8\u18AA-\u191F\u192C-\u192F\u193C-\u193F\u1941-\u1943\u1946-\u19AF\u19C1-\u19C7\u19CA-\u19DD\u1A00-\u1A16'
    || '\u1A1C\u1A1D\u1A20-\u1A54\u1A5F\u1A7D\u1A7E\u1A80-\u1A9F\u1AA7\u1AAE-\u1AFF\u1B05-\u1B33\u1B45-\u1B59\u1B7D-\u1B7F\u1B83-\u1BA0'
    || '\u1BAE-\u1BE5\u1BF4-\u1BFB\u1C00-\u1C23\u1C38-\u1C3A\u1C40-\u1C7D\u1C80-\u1CBF\u1CC8-\u1CCF\u1CE9-\u1CEC\u1CEE-\u1CF1\u1CF5-\u1DBF'
    || '\u1DE7-\u1DFB\u1E00-\u1FBC\u1FBE\u1FC2-\u1FCC\u1FD0-\u1FDC\u1FE0-\u1FEC\u1FF0-\u1FFC\u1FFF\u2065-\u2069\u2070-\u2079\u207F-\u2089'
    || '\u208F-\u209F\u20BA-\u20CF\u20F1-\u20FF\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2139'
    || '\u213C-\u213F\u2145-\u2149\u214E\u2150-\u218F\u23F4-\u23FF\u2427-\u243F\u244B-\u249B\u24EA-\u24FF\u2700\u2776-\u2793\u2B4D-\u2B4F'
    || '\u2B5A-\u2CE4\u2CEB-\u2CEE\u2CF2-\u2CF8\u2CFD\u2D00-\u2D6F\u2D71-\u2D7E\u2D80-\u2DDF\u2E2F\u2E3C-\u2E7F\u2E9A\u2EF4-\u2EFF'
    || '\u2FD6-\u2FEF\u2FFC-\u2FFF\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303C\u3040-\u3098\u309D-\u309F\u30A1-\u30FA\u30FC-\u318F'
    || '\u3192-\u3195\u31A0-\u31BF\u31E4-\u31FF\u321F-\u3229\u3248-\u324F\u3251-\u325F\u3280-\u3289\u32B1-\u32BF\u32FF\u3400-\u4DBF'
    || '\u4E00-\uA48F\uA4C7-\uA4FD\uA500-\uA60C\uA610-\uA66E\uA67F-\uA69E\uA6A0-\uA6EF\uA6F8-\uA6FF\uA717-\uA71F\uA722-\uA788\uA78B-\uA801'
    || '\uA803-\uA805\uA807-\uA80A\uA80C-\uA822\uA82C-\uA835\uA83A-\uA873\uA878-\uA87F\uA882-\uA8B3\uA8C5-\uA8CD\uA8D0-\uA8DF\uA8F2-\uA8F7'
    || '\uA8FB-\uA925\uA930-\uA946\uA954-\uA95E\uA960-\uA97F\uA984-\uA9B2\uA9CE-\uA9DD\uA9E0-\uAA28\uAA37-\uAA42\uAA44-\uAA4B\uAA4E-\uAA5B'
    || '\uAA60-\uAA76\uAA7A\uAA7C-\uAAAF\uAAB1\uAAB5\uAAB6\uAAB9-\uAABD\uAAC0\uAAC2-\uAADD\uAAE0-\uAAEA\uAAF2-\uAAF4\uAAF7-\uABE2'
    || '\uABEE-\uD7FF\uE000-\uFB1D\uFB1F-\uFB28\uFB2A-\uFBB1\uFBC2-\uFD3D\uFD40-\uFDFB\uFDFE\uFDFF\uFE1A-\uFE1F\uFE27-\uFE2F\uFE53\uFE67'
    || '\uFE6C-\uFEFE\uFF00\uFF10-\uFF19\uFF21-\uFF3A\uFF41-\uFF5A\uFF66-\uFFDF\uFFE7\uFFEF-\uFFF8\U00010000-\U000100FF\U00010103-\U00010136'
    || '\U00010140-\U00010178\U0001018A-\U0001018F\U0001019C-\U000101CF\U000101FE-\U0001039E\U000103A0-\U000103CF\U000103D1-\U00010856'
    || '\U00010858-\U0001091E\U00010920-\U0001093E\U00010940-\U00010A00\U00010A04\U00010A07-\U00010A0B\U00010A10-\U00010A37'
    || '\U00010A3B-\U00010A3E\U00010A40-\U00010A4F\U00010A59-\U00010A7E\U00010A80-\U00010B38\U00010B40-\U00010FFF\U00011003-\U00011037'
    || '\U0001104E-\U0001107F\U00011083-\U000110AF\U000110C2-\U000110FF\U00011103-\U00011126\U00011135-\U0001113F\U00011144-\U0001117F'
    || '\U00011183-\U000111B2\U000111C1-\U000111C4\U000111C9-\U000116AA\U000116B8-\U0001246F\U00012474-\U00016F50\U00016F7F-\U00016F8E'
    || '\U00016F93-\U0001CFFF\U0001D0F6-\U0001D0FF\U0001D127\U0001D128\U0001D1DE-\U0001D1FF\U0001D246-\U0001D2FF\U0001D357-\U0001D6C0'
    || '\U0001D6C2-\U0001D6DA\U0001D6DC-\U0001D6FA\U0001D6FC-\U0001D714\U0001D716-\U0001D734\U0001D736-\U0001D74E\U0001D750-\U0001D76E'
    || '\U0001D770-\U0001D788\U0001D78A-\U0001D7A8\U0001D7AA-\U0001D7C2\U0001D7C4-\U0001EEEF\U0001EEF2-\U0001EFFF\U0001F02C-\U0001F02F'
    || '\U0001F094-\U0001F09F\U0001F0AF\U0001F0B0\U0001F0BF\U0001F0C0\U0001F0D0\U0001F0E0-\U0001F10F\U0001F12F\U0001F16C-\U0001F16F'
    || '\U0001F19B-\U0001F1E5\U0001F203-\U0001F20F\U0001F23B-\U0001F23F\U0001F249-\U0001F24F\U0001F252-\U0001F2FF\U0001F321-\U0001F32F'
    || '\U0001F336\U0001F37D-\U0001F37F\U0001F394-\U0001F39F\U0001F3C5\U0001F3CB-\U0001F3DF\U0001F3F1-\U0001F3FF\U0001F43F\U0001F441'
    || '\U0001F4F8\U0001F4FD-\U0001F4FF\U0001F53E\U0001F53F\U0001F544-\U0001F54F\U0001F568-\U0001F5FA\U0001F641-\U0001F644'
    || '\U0001F650-\U0001F67F\U0001F6C6-\U0001F6FF\U0001F774-\U000E0000\U000E0002-\U000E001F\U000E0080-\U000E00FF\U000E01F0-\U0010FFFF'
$$;

-- The diacritics that continue a token.
CREATE OR REPLACE FUNCTION litewire._fts_marks() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT
    '\u0300-\u0304\u0306-\u030C\u030F\u0311\u031B\u0323-\u0328\u032D-\u032E\u0330-\u0331'
$$;

CREATE OR REPLACE FUNCTION litewire._fts_chr(hex text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT chr(('x' || lpad(hex, 8, '0'))::bit(32)::int)
$$;

-- What is folded, and to what; where a diacritic is dropped, the second text is shorter.
-- Upper case comes in runs (first character, how many, the step between them, the distance to lower case), letters with diacritics
-- under the letter that they become.
CREATE OR REPLACE FUNCTION litewire._fts_folds(mode int) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  WITH runs AS (
    SELECT string_to_array(r, ' ') AS r, at FROM unnest(string_to_array(
      '41 26 1 32,b5 1 1 775,c0 23 1 32,d8 7 1 32,100 24 2 1,132 3 2 1,139 8 2 1,14a 23 2 1,178 1 1 -121,179 3 2 1,17f 1 1 -268,'
      '181 1 1 210,182 2 2 1,186 1 1 206,187 1 1 1,189 2 1 205,18b 1 1 1,18e 1 1 79,18f 1 1 202,190 1 1 203,191 1 1 1,193 1 1 205,'
      '194 1 1 207,196 1 1 211,197 1 1 209,198 1 1 1,19c 1 1 211,19d 1 1 213,19f 1 1 214,1a0 3 2 1,1a6 1 1 218,1a7 1 1 1,1a9 1 1 218,'
      '1ac 1 1 1,1ae 1 1 218,1af 1 1 1,1b1 2 1 217,1b3 2 2 1,1b7 1 1 219,1b8 1 1 1,1bc 1 1 1,1c4 1 1 2,1c5 1 1 1,1c7 1 1 2,1c8 1 1 1,'
      '1ca 1 1 2,1cb 9 2 1,1de 9 2 1,1f1 1 1 2,1f2 2 2 1,1f6 1 1 -97,1f7 1 1 -56,1f8 20 2 1,220 1 1 -130,222 9 2 1,23a 1 1 10795,23b 1 1 1,'
      '23d 1 1 -163,23e 1 1 10792,241 1 1 1,243 1 1 -195,244 1 1 69,245 1 1 71,246 5 2 1,370 2 2 1,376 1 1 1,386 1 1 38,388 3 1 37,'
      '38c 1 1 64,38e 2 1 63,391 17 1 32,3a3 9 1 32,3c2 1 1 1,3cf 1 1 8,3d0 1 1 -30,3d1 1 1 -25,3d5 1 1 -15,3d6 1 1 -22,3d8 12 2 1,'
      '3f0 1 1 -54,3f1 1 1 -48,3f4 1 1 -60,3f5 1 1 -64,3f7 1 1 1,3f9 1 1 -7,3fa 1 1 1,3fd 3 1 -130,400 16 1 80,410 32 1 32,460 17 2 1,'
      '48a 27 2 1,4c0 1 1 15,4c1 7 2 1,4d0 44 2 1,531 38 1 48,10a0 38 1 7264,10c7 1 1 7264,10cd 1 1 7264,1e00 75 2 1,1e9b 1 1 -58,'
      '1e9e 1 1 -7615,1ea0 48 2 1,1f08 8 1 -8,1f18 6 1 -8,1f28 8 1 -8,1f38 8 1 -8,1f48 6 1 -8,1f59 4 2 -8,1f68 8 1 -8,1f88 8 1 -8,'
      '1f98 8 1 -8,1fa8 8 1 -8,1fb8 2 1 -8,1fba 2 1 -74,1fbc 1 1 -9,1fbe 1 1 -7173,1fc8 4 1 -86,1fcc 1 1 -9,1fd8 2 1 -8,1fda 2 1 -100,'
      '1fe8 2 1 -8,1fea 2 1 -112,1fec 1 1 -7,1ff8 2 1 -128,1ffa 2 1 -126,1ffc 1 1 -9,2126 1 1 -7517,212a 1 1 -8383,212b 1 1 -8262,'
      '2132 1 1 28,2160 16 1 16,2183 1 1 1,2c00 47 1 48,2c60 1 1 1,2c62 1 1 -10743,2c63 1 1 -3814,2c64 1 1 -10727,2c67 3 2 1,'
      '2c6d 1 1 -10780,2c6e 1 1 -10749,2c6f 1 1 -10783,2c70 1 1 -10782,2c72 1 1 1,2c75 1 1 1,2c7e 2 1 -10815,2c80 50 2 1,2ceb 2 2 1,'
      '2cf2 1 1 1,a640 23 2 1,a680 12 2 1,a722 7 2 1,a732 31 2 1,a779 2 2 1,a77d 1 1 -35332,a77e 5 2 1,a78b 1 1 1,a78d 1 1 -42280,'
      'a790 2 2 1,a7a0 5 2 1,a7aa 1 1 -42308,ff21 26 1 32,10400 40 1 40,24b6 26 1 26', ',')) WITH ORDINALITY AS u (r, at)
  ), upper AS (
    SELECT chr(f.first + i * r[3]::int) AS source, chr(f.first + i * r[3]::int + r[4]::int) AS target
    FROM runs, LATERAL (SELECT ascii(litewire._fts_chr(r[1])) AS first) AS f, generate_series(0, r[2]::int - 1) AS i
  ), marked AS (
    SELECT litewire._fts_chr(source) AS source, litewire._fts_chr(split_part(line, ':', 1)) AS target, level
    FROM (VALUES (1,
      '61:c0 c1 c2 c3 c4 c5 e0 e1 e2 e3 e4 e5 100 101 102 103 104 105 1cd 1ce 200 201 202 203 226 227 1e00 1e01 1ea0 1ea1 1ea2 1ea3 212b,'
      '62:1e02 1e03 1e04 1e05 1e06 1e07,63:c7 e7 106 107 108 109 10a 10b 10c 10d,'
      '64:10e 10f 1e0a 1e0b 1e0c 1e0d 1e0e 1e0f 1e10 1e11 1e12 1e13,'
      '65:c8 c9 ca cb e8 e9 ea eb 112 113 114 115 116 117 118 119 11a 11b 204 205 206 207 228 229 1e18 1e19 1e1a 1e1b 1eb8 1eb9 1eba 1ebb 1ebc 1ebd,'
      '66:1e1e 1e1f,67:11c 11d 11e 11f 120 121 122 123 1e6 1e7 1f4 1f5 1e20 1e21,'
      '68:124 125 21e 21f 1e22 1e23 1e24 1e25 1e26 1e27 1e28 1e29 1e2a 1e2b 1e96,'
      '69:cc cd ce cf ec ed ee ef 128 129 12a 12b 12c 12d 12e 12f 130 1cf 1d0 208 209 20a 20b 1e2c 1e2d 1ec8 1ec9 1eca 1ecb,6a:134 135 1f0,'
      '6b:136 137 1e8 1e9 1e30 1e31 1e32 1e33 1e34 1e35,6c:139 13a 13b 13c 13d 13e 1e36 1e37 1e3a 1e3b 1e3c 1e3d,'
      '6d:1e3e 1e3f 1e40 1e41 1e42 1e43,6e:d1 f1 143 144 145 146 147 148 1f8 1f9 1e44 1e45 1e46 1e47 1e48 1e49 1e4a 1e4b,'
      '6f:d2 d3 d4 d5 d6 f2 f3 f4 f5 f6 14c 14d 14e 14f 150 151 1a0 1a1 1d1 1d2 1ea 1eb 20c 20d 20e 20f 22e 22f 1ecc 1ecd 1ece 1ecf,'
      '70:1e54 1e55 1e56 1e57,72:154 155 156 157 158 159 210 211 212 213 1e58 1e59 1e5a 1e5b 1e5e 1e5f,'
      '73:15a 15b 15c 15d 15e 15f 160 161 218 219 1e60 1e61 1e62 1e63 1e9b,'
      '74:162 163 164 165 21a 21b 1e6a 1e6b 1e6c 1e6d 1e6e 1e6f 1e70 1e71 1e97,'
      '75:d9 da db dc f9 fa fb fc 168 169 16a 16b 16c 16d 16e 16f 170 171 172 173 1af 1b0 1d3 1d4 214 215 216 217 1e72 1e73 1e74 1e75 1e76 1e77 1ee4 1ee5 1ee6 1ee7,'
      '76:1e7c 1e7d 1e7e 1e7f,77:174 175 1e80 1e81 1e82 1e83 1e84 1e85 1e86 1e87 1e88 1e89 1e98,78:1e8a 1e8b 1e8c 1e8d,'
      '79:dd fd ff 176 177 178 232 233 1e8e 1e8f 1e99 1ef2 1ef3 1ef4 1ef5 1ef6 1ef7 1ef8 1ef9,'
      '7a:179 17a 17b 17c 17d 17e 1e90 1e91 1e92 1e93 1e94 1e95'), (2,
      '61:1de 1df 1fa 1fb 1ea4 1ea5 1ea6 1ea7 1ea8 1ea9 1eaa 1eab 1eac 1ead 1eae 1eaf 1eb0 1eb1 1eb2 1eb3 1eb4 1eb5 1eb6 1eb7,63:1e08 1e09,'
      '65:1e14 1e15 1e16 1e17 1e1c 1e1d 1ebe 1ebf 1ec0 1ec1 1ec2 1ec3 1ec4 1ec5 1ec6 1ec7,69:1e2e 1e2f,6c:1e38 1e39,'
      '6f:1ec 1ed 22a 22b 22c 22d 230 231 1e4c 1e4d 1e4e 1e4f 1e50 1e51 1e52 1e53 1ed0 1ed1 1ed2 1ed3 1ed4 1ed5 1ed6 1ed7 1ed8 1ed9 1eda 1edb 1edc 1edd 1ede 1edf 1ee0 1ee1 1ee2 1ee3,'
      '72:1e5c 1e5d,73:1e64 1e65 1e66 1e67 1e68 1e69,'
      '75:1d5 1d6 1d7 1d8 1d9 1da 1db 1dc 1e78 1e79 1e7a 1e7b 1ee8 1ee9 1eea 1eeb 1eec 1eed 1eee 1eef 1ef0 1ef1')
    ) AS m (level, lines), unnest(string_to_array(lines, ',')) AS line, unnest(string_to_array(split_part(line, ':', 2), ' ')) AS source
    WHERE level <= mode
  ), folds AS (
    SELECT source, target, 3 - level AS at FROM marked UNION ALL SELECT source, target, 3 FROM upper
    UNION ALL SELECT litewire._fts_chr(to_hex(m)), NULL, 4 FROM unnest(ARRAY[768, 769, 770, 771, 772, 774, 775, 776, 777, 778, 779, 780, 783, 785, 795, 803, 804, 805, 806, 807, 808, 813, 814, 816, 817]) AS m WHERE mode > 0
  ), firsts AS (
    SELECT DISTINCT ON (source) source, target, at FROM folds ORDER BY source, at
  )
  SELECT ARRAY[string_agg(source, '' ORDER BY at = 4, source), string_agg(target, '' ORDER BY at = 4, source)] FROM firsts
$$;

-- A text with case and diacritics folded.
CREATE OR REPLACE FUNCTION litewire._fts_fold(t text, mode int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  folds text[];
  source text;
  target text;
BEGIN
  t := translate(t, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');
  IF octet_length(t) = length(t) THEN
    RETURN t;
  END IF;
  -- Only what the text has: translate() looks each character up from the left.
  folds := CASE mode WHEN 0 THEN litewire._fts_folds(0) WHEN 1 THEN litewire._fts_folds(1) ELSE litewire._fts_folds(2) END;
  SELECT string_agg(c, '' ORDER BY at), string_agg(substr(folds[2], at, 1), '' ORDER BY at) INTO source, target
  FROM (SELECT DISTINCT c, strpos(folds[1], c) AS at FROM unnest(string_to_array(regexp_replace(t, '[\x01-\x7f]+', '', 'g'), NULL)) AS c) AS u WHERE at > 0;
  RETURN coalesce(translate(t, source, target), t);
END $$;

-- Vowels and consonants of a word as v and c; y is a vowel behind a consonant.
CREATE OR REPLACE FUNCTION litewire._fts_shape(w text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  shape text := '';
  last text := 'v';
BEGIN
  FOR i IN 1 .. length(w) LOOP
    last := CASE WHEN substr(w, i, 1) = ANY ('{a,e,i,o,u}') OR substr(w, i, 1) = 'y' AND last = 'c' THEN 'v' ELSE 'c' END;
    shape := shape || last;
  END LOOP;
  RETURN shape;
END $$;

-- A word with the first of some suffixes replaced, where its stem has enough syllables.
CREATE OR REPLACE FUNCTION litewire._fts_suffix(w text, rules text[], syllables int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  rule text;
  suffix text;
  stem text;
BEGIN
  FOREACH rule IN ARRAY rules LOOP
    suffix := split_part(rule, '>', 1);
    IF length(w) > length(suffix) AND right(w, length(suffix)) = suffix THEN
      stem := left(w, -length(suffix));
      IF litewire._fts_shape(stem) ~ (CASE syllables WHEN 1 THEN 'vc' ELSE 'vc+v+c' END) AND (suffix <> 'ion' OR right(stem, 1) IN ('s', 't')) THEN
        RETURN stem || split_part(rule, '>', 2);
      END IF;
      RETURN w;
    END IF;
  END LOOP;
  RETURN w;
END $$;

-- A word's stem by Porter's rules, as SQLite's porter has them.
CREATE OR REPLACE FUNCTION litewire._fts_stem(w text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  cut text;
  shape text;
BEGIN
  IF octet_length(w) NOT BETWEEN 3 AND 64 THEN
    RETURN w;
  END IF;
  IF right(w, 2) = 'es' THEN
    w := left(w, CASE WHEN length(w) > 4 AND right(w, 4) = 'sses' OR length(w) > 3 AND right(w, 3) = 'ies' THEN -2 ELSE -1 END);
  ELSIF w ~ '[^s]s$' THEN
    w := left(w, -1);
  END IF;
  IF length(w) > 3 AND right(w, 3) = 'eed' THEN
    w := litewire._fts_suffix(w, '{eed>ee}', 1);
  ELSIF length(w) > 2 AND right(w, 2) = 'ed' THEN
    cut := left(w, -2);
  ELSIF length(w) > 3 AND right(w, 3) = 'ing' THEN
    cut := left(w, -3);
  END IF;
  IF cut ~ '[aeiou]|.y' THEN
    w := cut;
    shape := litewire._fts_shape(w);
    IF length(w) > 2 AND right(w, 2) IN ('at', 'bl', 'iz') THEN
      w := w || 'e';
    ELSIF w ~ '([a-z0-9])\1$' AND right(w, 1) <> ALL ('{a,e,i,o,u,l,s,z}') THEN
      w := left(w, -1);
    ELSIF shape ~ 'vc' AND shape !~ 'vc+v+c' AND right(shape, 3) = 'cvc' AND right(w, 1) NOT IN ('w', 'x', 'y') THEN
      w := w || 'e';
    END IF;
  END IF;
  IF right(w, 1) = 'y' AND left(w, -1) ~ '[aeiou]|.y' THEN
    w := left(w, -1) || 'i';
  END IF;
  w := litewire._fts_suffix(w, ('{ational>ate,tional>tion,enci>ence,anci>ance,izer>ize,logi>log,bli>ble,alli>al,entli>ent,eli>e,ousli>ous,ization>ize,' ||
    'ation>ate,ator>ate,alism>al,iveness>ive,fulness>ful,ousness>ous,aliti>al,iviti>ive,biliti>ble}')::text[], 1);
  w := litewire._fts_suffix(w, '{ical>ic,ness>,icate>ic,iciti>ic,ful>,ative>,alize>al}', 1);
  w := litewire._fts_suffix(w, '{al>,ance>,ence>,er>,ic>,able>,ible>,ant>,ement>,ment>,ent>,ion>,ou>,ism>,ate>,iti>,ous>,ive>,ize>}', 2);
  IF right(w, 1) = 'e' THEN
    cut := left(w, -1);
    shape := litewire._fts_shape(cut);
    IF shape ~ 'vc+v+c' OR shape ~ 'vc' AND NOT (right(shape, 3) = 'cvc' AND right(cut, 1) NOT IN ('w', 'x', 'y')) THEN
      w := cut;
    END IF;
  END IF;
  IF right(w, 2) = 'll' AND litewire._fts_shape(left(w, -1)) ~ 'vc+v+c' THEN
    w := left(w, -1);
  END IF;
  RETURN w;
END $$;

-- Characters within a bracket expression.
CREATE OR REPLACE FUNCTION litewire._fts_bracket(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(regexp_replace(t, '([][\\^.:=-])', '\\\1', 'g'), '')
$$;

-- What a token of unicode61 or ascii matches: what stands before it, and itself.
CREATE OR REPLACE FUNCTION litewire._fts_word(tokenizer jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  own constant text := litewire._fts_bracket(tokenizer ->> 'k');
BEGIN
  IF tokenizer ->> 't' = 'ascii' THEN
    RETURN ARRAY['[^' || own || 'A-Za-z0-9\u0080-\U0010FFFF]*', '[' || own || 'A-Za-z0-9\u0080-\U0010FFFF]+'];
  END IF;
  RETURN ARRAY['[^' || own || litewire._fts_letters() || ']*',
    '[' || own || litewire._fts_letters() || '][' || own || litewire._fts_letters() || litewire._fts_marks() || ']*'];
END $$;

-- Separators of the table's own as blanks; offsets stay.
CREATE OR REPLACE FUNCTION litewire._fts_separated(t text, tokenizer jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN tokenizer ? 's' THEN translate(t, tokenizer ->> 's', repeat(' ', length(tokenizer ->> 's'))) ELSE t END
$$;

-- A text's tokens in their order.
CREATE OR REPLACE FUNCTION litewire.fts_tokens(t text, tokenizer jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  tokens text[];
BEGIN
  IF t IS NULL OR t = '' THEN
    RETURN '{}';
  END IF;
  IF tokenizer ->> 't' = 'trigram' THEN
    IF NOT coalesce((tokenizer ->> 'x')::bool, false) THEN
      -- No letter of a word's, but it has a lower case.
      t := replace(litewire._fts_fold(t, coalesce((tokenizer ->> 'm')::int, 0)), chr(837), chr(953));
    END IF;
    RETURN ARRAY(SELECT substr(t, i, 3) FROM generate_series(1, length(t) - 2) AS i);
  END IF;
  t := litewire._fts_separated(t, tokenizer);
  IF tokenizer ->> 't' = 'ascii' THEN
    t := translate(t, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');
    tokens := ARRAY(SELECT m[1] FROM regexp_matches(t, (litewire._fts_word(tokenizer))[2], 'g') AS m);
  ELSE
    -- A diacritic that is dropped beforehand would have been dropped from its token.
    t := litewire._fts_fold(t, (tokenizer ->> 'm')::int);
    tokens := ARRAY(SELECT m[1] FROM regexp_matches(t, (litewire._fts_word(tokenizer))[2], 'g') AS m);
  END IF;
  IF tokenizer ? 'p' THEN
    tokens := ARRAY(SELECT CASE WHEN tokenizer ->> 'p' = '3' THEN litewire._fts3_stem(w) ELSE litewire._fts_stem(w) END FROM unnest(tokens) WITH ORDINALITY AS u (w, at) ORDER BY at);
  END IF;
  RETURN tokens;
END $$;

-- Where a text's tokens stand: of each the place of its first character, from 0, and of the one behind its last.
CREATE OR REPLACE FUNCTION litewire.fts_offsets(t text, tokenizer jsonb) RETURNS int4[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  at int := 0;
  out int4[] := '{}';
  piece text[];
  word text[];
BEGIN
  IF t IS NULL OR t = '' THEN
    RETURN out;
  END IF;
  IF tokenizer ->> 't' = 'trigram' THEN
    -- A diacritic that is dropped belongs to the character before it.
    out := ARRAY(SELECT n - 1 FROM unnest(string_to_array(t, NULL)) WITH ORDINALITY AS u (c, n)
      WHERE coalesce((tokenizer ->> 'm')::int, 0) = 0 OR c !~ ('[' || litewire._fts_marks() || ']') ORDER BY n) || length(t);
    RETURN ARRAY(SELECT unnest(ARRAY[out[i], out[i + 3]]) FROM generate_series(1, cardinality(out) - 3) AS i);
  END IF;
  word := litewire._fts_word(tokenizer);
  FOR piece IN SELECT regexp_matches(litewire._fts_separated(t, tokenizer), '(' || word[1] || ')(' || word[2] || ')', 'g') LOOP
    at := at + length(piece[1]);
    out := out || at;
    at := at + length(piece[2]);
    out := out || at;
  END LOOP;
  RETURN out;
END $$;

-- The terms of a row as its index has them: PostgreSQL takes none of more than 2046 bytes.
CREATE OR REPLACE FUNCTION litewire.fts_terms(tokens text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_to_tsvector(ARRAY(SELECT DISTINCT left(t, 500) FROM unnest(tokens) AS t))
$$;
