//! The rules of a case, held from outside: every order of events, sequences at random, each state
//! and each call under a lease, and the journal that must show all of it.

mod bills;
mod books;
mod calls;
mod collecting;
mod journal;
mod lives;
mod mended;
mod orders;
mod pages;
mod protocol;
mod receipts;
mod sequences;
mod standing;
mod sums;
mod unsaid;
mod visits;
