//! Decimal digits of doubles and back, as SQLite computes them (`sqlite3FpDecode` and `sqlite3AtoF` of 3.54).
//!
//! Both work on a table of powers of ten of 96 bits. Neither is correctly rounded in every last digit, so the standard library's
//! conversions cannot stand in for them.

/// The digits of a finite double: `0.DDDD × 10^point`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Below zero (never for -0.0).
    pub negative: bool,
    /// ASCII digits without trailing zeros; "0" for zero.
    pub digits: Vec<u8>,
    /// Where the decimal point stands, counted from before the first digit.
    pub point: i32,
}

/// How many digits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// So many significant digits.
    Significant(i32),
    /// So many digits after the decimal point.
    Fraction(i32),
}

impl Decimal {
    /// Decodes a finite double, with at most `max` significant digits.
    pub(super) fn of(x: f64, rounding: Rounding, max: i32) -> Self {
        if x == 0.0 {
            return Self { negative: false, digits: vec![b'0'], point: 1 };
        }
        let magnitude = x.abs();
        let bits = magnitude.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = match (bits >> 52) as i32 {
            0 => (fraction << fraction.leading_zeros(), -1074 - fraction.leading_zeros() as i32),
            biased => (fraction << 11 | 1 << 63, biased - 1086),
        };
        let wanted = match rounding {
            Rounding::Significant(n) if n < 18 => n.max(1) + 1,
            _ => 18,
        };
        let (value, exponent) = to_decimal(mantissa, exponent, wanted);
        let mut digits = value.to_string().into_bytes();
        let mut point = digits.len() as i32 + exponent;
        let mut keep = match rounding {
            Rounding::Significant(n) => n,
            Rounding::Fraction(n) => point.saturating_add(n),
        };
        if keep == 0 && matches!(rounding, Rounding::Fraction(_)) && digits[0] >= b'5' {
            keep = 1;
            digits.insert(0, b'0');
            point += 1;
        }
        let count = digits.len() as i32;
        if keep > 0 && (keep < count || count > max) {
            keep = keep.min(max);
            if keep == 17 {
                keep = shorter(&digits, magnitude, exponent, point).unwrap_or(17);
            }
            if round_at(&mut digits, keep as usize) {
                point += 1;
            }
        }
        while digits.len() > 1 && digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { negative: x < 0.0, digits, point }
    }
}

/// At 17 digits: how many suffice, when the last ones are a run of nines or zeros and leaving them out gives the same double.
fn shorter(digits: &[u8], x: f64, exponent: i32, point: i32) -> Option<i32> {
    let count = digits.len() as i32;
    let number = |n: usize| digits[..n].iter().fold(0u64, |v, d| v * 10 + u64::from(d - b'0'));
    let run = |from: usize, digit: u8| digits[..from].iter().rposition(|&d| d != digit).map_or(0, |at| at + 1);
    let (kept, value) = if digits[14] == b'9' && digits[15] == b'9' {
        let kept = run(14, b'9');
        (kept, number(kept) + 1)
    } else if point >= count || digits[13..16] == *b"000" {
        let kept = run(13, b'0');
        (kept, number(kept))
    } else {
        return None;
    };
    (from_decimal(value, exponent + count - kept as i32) == x).then_some(kept as i32 + 1)
}

/// Rounds to `keep` digits, half up; true when that added a digit in front.
fn round_at(digits: &mut Vec<u8>, keep: usize) -> bool {
    let up = digits.get(keep).is_some_and(|&d| d >= b'5');
    digits.truncate(keep);
    if !up {
        return false;
    }
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return false;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
    true
}

/// The text of a REAL (`CAST(x AS TEXT)`); NaN, which SQLite has no value for, must be NULL before.
pub fn real_text(x: f64) -> String {
    if !x.is_finite() {
        return if x > 0.0 { "Inf" } else { "-Inf" }.to_owned();
    }
    let Decimal { negative, digits, point } = Decimal::of(x, Rounding::Significant(17), 20);
    let digits = str::from_utf8(&digits).expect("digits are ASCII");
    let sign = if negative { "-" } else { "" };
    let count = digits.len() as i32;
    match point {
        p if !(-3..=17).contains(&p) => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            let exponent = p - 1;
            format!("{sign}{first}.{rest}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        p if p <= 0 => format!("{sign}0.{:0<1$}{digits}", "", -p as usize),
        p if p >= count => format!("{sign}{digits:0<0$}.0", p as usize),
        p => {
            let (whole, fraction) = digits.split_at(p as usize);
            format!("{sign}{whole}.{fraction}")
        }
    }
}

/// `mantissa × 2^exponent` as `(d, p)` with `d × 10^p`, where `d` has at least `n` digits; the mantissa's highest bit is set.
fn to_decimal(mantissa: u64, exponent: i32, n: i32) -> (u64, i32) {
    let p = n - 1 - log10_of_power2(exponent + 63);
    let (power, _) = power_of_ten(p);
    let high = ((u128::from(mantissa) * u128::from(power)) >> 64) as u64;
    let shift = -(exponent + log2_of_power10(p) + 1);
    let value = if n == 18 {
        let h = high >> (shift - 1);
        (h + (h << 1 & 2)) >> 1
    } else {
        high >> shift
    };
    (value, -p)
}

/// The double nearest to `d × 10^p`.
pub(super) fn from_decimal(d: u64, p: i32) -> f64 {
    if d == 0 || p < -348 {
        return 0.0;
    }
    if p > 347 {
        return f64::INFINITY;
    }
    let zeros = d.leading_zeros();
    let log = log2_of_power10(p);
    let mut e = 53 - (64 - zeros as i32) - log;
    if e > 1074 {
        if e >= 1130 {
            return 0.0;
        }
        e = 1074;
    }
    let s = -(e - zeros as i32 + log + 3);
    let (mut power, mut low) = power_of_ten(p);
    if low != 0 {
        power += 1;
        low = !low;
    }
    let x = d << zeros;
    let product = u128::from(x) * u128::from(power);
    let (mut high, middle) = ((product >> 64) as u64, (product >> 32) as u32);
    let mut sticky = 1;
    if high & ((1 << s) - 1) == 0 {
        let correction = ((u128::from(x) * (u128::from(low) << 32)) >> 96) as u32;
        sticky = u64::from(middle.wrapping_sub(correction) > 1);
        high -= u64::from(middle < correction);
    }
    let mut u = high >> s | sticky;
    if u >= (1 << 55) - 2 {
        u = u >> 1 | u & 1;
        e -= 1;
    }
    let m = (u + 1 + (u >> 2 & 1)) >> 2;
    if e <= -972 {
        return f64::INFINITY;
    }
    const HIDDEN: u64 = 1 << 52;
    f64::from_bits(if m & HIDDEN != 0 { m & !HIDDEN | ((1075 - e) as u64) << 52 } else { m })
}

/// ⌊log₂ 10^p⌋
fn log2_of_power10(p: i32) -> i32 {
    (p * 108_853) >> 15
}

/// ⌊log₁₀ 2^p⌋
fn log10_of_power2(p: i32) -> i32 {
    (p * 78_913) >> 18
}

/// The 96 most significant bits of `10^p`, for `p` from -348 to 347.
fn power_of_ten(p: i32) -> (u64, u32) {
    const MIDDLE: usize = 13;
    if p == -1 {
        return (SCALE[MIDDLE], SCALE_LOW[MIDDLE]);
    }
    let (group, rest) = (p.div_euclid(27), p.rem_euclid(27) as usize);
    if group == 0 {
        return (BASE[rest], 0);
    }
    let at = (group + MIDDLE as i32) as usize;
    let (scale, scale_low) = (SCALE[at], SCALE_LOW[at]);
    if rest == 0 {
        return (scale, scale_low);
    }
    let product = u128::from(scale) * u128::from(BASE[rest]) + ((u128::from(scale_low) * u128::from(BASE[rest])) >> 32);
    let (high, low) = ((product >> 64) as u64, (product >> 32) as u32);
    if high >> 63 == 0 { (high << 1 | u64::from(low >> 31), low << 1 | 1) } else { (high, low) }
}

/// 10^0 to 10^26.
#[rustfmt::skip]
const BASE: [u64; 27] = [
    0x8000_0000_0000_0000, 0xa000_0000_0000_0000, 0xc800_0000_0000_0000, 0xfa00_0000_0000_0000,
    0x9c40_0000_0000_0000, 0xc350_0000_0000_0000, 0xf424_0000_0000_0000, 0x9896_8000_0000_0000,
    0xbebc_2000_0000_0000, 0xee6b_2800_0000_0000, 0x9502_f900_0000_0000, 0xba43_b740_0000_0000,
    0xe8d4_a510_0000_0000, 0x9184_e72a_0000_0000, 0xb5e6_20f4_8000_0000, 0xe35f_a931_a000_0000,
    0x8e1b_c9bf_0400_0000, 0xb1a2_bc2e_c500_0000, 0xde0b_6b3a_7640_0000, 0x8ac7_2304_89e8_0000,
    0xad78_ebc5_ac62_0000, 0xd8d7_26b7_177a_8000, 0x8786_7832_6eac_9000, 0xa968_163f_0a57_b400,
    0xd3c2_1bce_cced_a100, 0x8459_5161_4014_84a0, 0xa56f_a5b9_9019_a5c8,
];

/// 10^(27 × (i - 13)): from 10^-351 to 10^324; the middle one is 10^-1.
#[rustfmt::skip]
const SCALE: [u64; 26] = [
    0x8049_a4ac_0c58_11ae, 0xcf42_894a_5dce_35ea, 0xa76c_5823_38ed_2621, 0x873e_4f75_e222_4e68,
    0xda7f_5bf5_9096_6848, 0xb080_392c_c434_9dec, 0x8e93_8662_882a_f53e, 0xe658_29b3_046b_0afa,
    0xba12_1a46_50e4_ddeb, 0x964e_858c_91ba_2655, 0xf2d5_6790_ab41_c2a2, 0xc428_d05a_a475_1e4c,
    0x9e74_d1b7_91e0_7e48, 0xcccc_cccc_cccc_cccc, 0xcecb_8f27_f420_0f3a, 0xa70c_3c40_a64e_6c51,
    0x86f0_ac99_b4e8_dafd, 0xda01_ee64_1a70_8de9, 0xb01a_e745_b101_e9e4, 0x8e41_ade9_fbeb_c27d,
    0xe5d3_ef28_2a24_2e81, 0xb9a7_4a06_37ce_2ee1, 0x95f8_3d0a_1fb6_9cd9, 0xf24a_01a7_3cf2_dccf,
    0xc3b8_3581_09e8_4f07, 0x9e19_db92_b4e3_1ba9,
];

/// The 32 bits that follow those of `SCALE`.
#[rustfmt::skip]
const SCALE_LOW: [u32; 26] = [
    0x205b_896d, 0x5206_4cad, 0xaf2a_f2b8, 0x5a77_44a7, 0xaf39_a475, 0xbd8d_794e, 0x547e_b47b, 0x0cb4_a5a3,
    0x92f3_4d62, 0x3a6a_07f9, 0xfae2_7299, 0xaa97_e14c, 0x775e_a265, 0xcccc_cccc, 0x0000_0000, 0x9990_90b6,
    0x69a0_28bb, 0xe80e_6f48, 0x5ec0_5dd0, 0x1458_8f14, 0x8f16_68c9, 0x6d95_3e2c, 0x4abd_af10, 0xbc63_3b39,
    0x0a86_2f81, 0x6c07_a2c2,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use crate::value::oracle::Sqlite;
    use proptest::prelude::*;

    #[test]
    fn edges() {
        let cases = [(0.0, "0.0"), (-0.0, "0.0"), (5.0, "5.0"), (0.1, "0.1"), (1e15, "1000000000000000.0"), (1e17, "1.0e+17"), (1e-5, "1.0e-05")];
        for (x, text) in cases {
            assert_eq!(real_text(x), text);
        }
        let sqlite = Sqlite::open();
        for x in [5e-324, f64::MAX, f64::MIN_POSITIVE, 49.47, 0.3, 9007199254740993.0, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Value::Text(real_text(x)), sqlite.value("CAST(? AS TEXT)", &[Value::Real(x)]));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn any_double(bits in any::<u64>(), mantissa in -1_000_000_000i64..1_000_000_000, scale in -12i32..12) {
            let sqlite = Sqlite::shared();
            for x in [f64::from_bits(bits), mantissa as f64 * 10f64.powi(scale), mantissa as f64 / 7.0] {
                prop_assume!(!x.is_nan());
                let expected = sqlite.with(|s| s.value("CAST(? AS TEXT)", &[Value::Real(x)]));
                prop_assert_eq!(Value::Text(real_text(x)), expected);
            }
        }
    }
}
