//! What people read: pages, receipts and messages. Pure: facts in, text out.

pub mod messages;
pub mod receipt;
