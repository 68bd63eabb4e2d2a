//! The data plane with real plugins on real sockets, by the numbers of the acceptance list.

mod availability;
mod bodies;
mod objects;
mod routes;
mod streams;
mod typed;
mod world;
