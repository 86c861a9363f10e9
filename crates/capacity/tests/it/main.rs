//! Ceilings, from readings to what people are told.

#[cfg(test)]
mod ceilings;
