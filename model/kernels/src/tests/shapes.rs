/// How many random shapes a test tries: `count` of them, or as many as `EASEL_TEST_SHAPES` says.
pub(crate) fn shapes(count: usize) -> usize {
    std::env::var("EASEL_TEST_SHAPES").ok().and_then(|count| count.parse().ok()).unwrap_or(count)
}
