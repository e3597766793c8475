#![no_main]

#[path = "../decode.rs"]
#[allow(dead_code)]
mod decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    decode::sql(bytes);
});
