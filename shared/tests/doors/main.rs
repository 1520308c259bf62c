//! The doors that strangers reach: webhooks at intake, notices that nobody proved, what vendors
//! answer, and what is sealed, over AWS in this process and vendors that answer by script.

mod clients;
mod intake;
mod notices;
mod replies;
mod sealed;
mod stack;
mod tls;
mod warm;
mod wire;
