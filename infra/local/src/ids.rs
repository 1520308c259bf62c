//! Random ids, as AWS gives them.

pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID, as Lambda names invocations.
pub fn request_id() -> String {
    let hex = random_hex(16);
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
