//! Amounts as people read them.

/// Bytes in binary units, such as `4.8 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    let mebibytes = count as f64 / f64::from(1 << 20);
    if mebibytes < 1000.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.1} GiB", mebibytes / 1024.0) }
}

/// A time, such as `0.25 s` or `12 min 5 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_are_short() {
        assert_eq!(super::bytes(430 << 20), "430 MiB");
        assert_eq!(super::bytes(10_240 << 20), "10.0 GiB");
        assert_eq!(super::seconds(0.254), "0.25 s");
        assert_eq!(super::seconds(725.4), "12 min 5 s");
    }
}
