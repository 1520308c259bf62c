//! The local stack from outside, with a function that does as it is told.

mod http;
mod life;
mod queues;
mod stack;
mod time;
mod vendors;
