//! The ledger, from commands to what people read.

#[cfg(test)]
mod ledger;
#[cfg(test)]
mod play;
#[cfg(test)]
mod properties;
