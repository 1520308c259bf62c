//! Each vendor exercised over HTTP as its contract says.

mod cliniko;
mod common;
mod gocardless;
mod messages;
mod mollie;
mod paypal;
mod stripe;
mod xero;
mod xero_books;
