//! The local stack from outside, with a function that does as it is told.

mod house;
mod http;
mod life;
mod queues;
mod time;
mod vendors;
