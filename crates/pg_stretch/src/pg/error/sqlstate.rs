//! PostgreSQL's packed form of a SQLSTATE (MAKE_SQLSTATE of elog.h): six bits a character.

/// Packs the five characters.
pub fn pack(sqlstate: &str) -> i32 {
    sqlstate.bytes().take(5).enumerate().fold(0, |code, (i, byte)| {
        code | (((byte.wrapping_sub(b'0')) & 0x3f) as i32) << (6 * i)
    })
}

/// The five characters.
pub fn unpack(mut code: i32) -> String {
    let mut text = String::with_capacity(5);
    for _ in 0..5 {
        text.push((((code & 0x3f) as u8) + b'0') as char);
        code >>= 6;
    }
    text
}
