//! The endpoint as an AWS client meets it: the AWS SDK against a started stack.

mod access;
mod faults;
mod queues;
mod secrets;
mod stack;
mod tables;
mod wire;
