/// A domain's "no". Each slice has a closed enum of them; users see all three parts.
pub trait Refuse {
    /// A stable code in snake case that a program may match.
    fn code(&self) -> &'static str;
    /// One sentence: what was asked, and which rule stands against it.
    fn sentence(&self) -> String;
    /// What to do instead, where there is something.
    fn hint(&self) -> Option<String> {
        None
    }
}
