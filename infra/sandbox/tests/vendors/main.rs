//! Each vendor exercised over HTTP as its contract says.

mod cliniko;
mod common;
mod gocardless;
mod google_sheets;
mod messages;
mod mollie;
mod own;
mod paypal;
mod quickbooks;
mod stripe;
mod words;
mod xero;
mod xero_books;
