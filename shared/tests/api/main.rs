//! The API over a table: what only rows that were written, or several requests at once, can show.

mod doors;
mod lists;
mod money;
mod people;
mod races;
mod resources;
mod stack;
