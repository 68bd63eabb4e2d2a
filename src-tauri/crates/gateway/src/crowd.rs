//! Who is connected, and who has to leave when it gets full: whoever has asked for nothing for longest. So a
//! thousand connections that say nothing keep nobody out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::auth::Peer;

/// Those who share one allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// An address; of IPv6 the network, which one machine may have for itself.
    Address(IpAddr),
    /// A user of this machine.
    User(u32),
}

impl Group {
    pub(crate) fn of(peer: &Peer) -> Self {
        match peer {
            Peer::Tcp { address, .. } => Group::Address(match address.ip().to_canonical() {
                IpAddr::V4(ip) => IpAddr::V4(ip),
                IpAddr::V6(ip) if ip.is_loopback() => IpAddr::V6(ip),
                IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            }),
            Peer::Local { uid, .. } => Group::User(*uid),
        }
    }
}

/// Everybody who is connected to one listener.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_group: usize,
    stop: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the next turn at doing nothing: the lowest has waited longest.
    next: u64,
    seated: usize,
    groups: BTreeMap<Group, Members>,
}

#[derive(Debug, Default)]
struct Members {
    seated: usize,
    idle: BTreeMap<u64, Arc<Chair>>,
}

#[derive(Debug)]
struct Chair {
    cut: CancellationToken,
    /// Counted no more: it was given away.
    given_away: AtomicBool,
    turn: AtomicU64,
}

impl Crowd {
    pub(crate) fn new(most: usize, most_of_group: usize, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Crowd {
            most,
            most_of_group,
            stop,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, if need be that of somebody who does nothing; none when everybody is busy.
    pub(crate) fn admit(self: &Arc<Self>, group: Group) -> Option<Arc<Seat>> {
        let mut state = self.lock();
        let members = state.groups.get(&group).map_or(0, |m| m.seated);
        if members >= self.most_of_group {
            state.put_out(group)?;
        } else if state.seated >= self.most {
            let largest = state
                .groups
                .iter()
                .filter(|(_, m)| !m.idle.is_empty())
                .max_by_key(|(_, m)| m.seated)
                .map(|(group, _)| *group)?;
            state.put_out(largest)?;
        }
        state.seated += 1;
        state.groups.entry(group).or_default().seated += 1;
        let chair = Arc::new(Chair {
            cut: self.stop.child_token(),
            given_away: AtomicBool::new(false),
            turn: AtomicU64::new(0),
        });
        state.rest(group, &chair);
        drop(state);
        Some(Arc::new(Seat {
            crowd: self.clone(),
            group,
            chair,
        }))
    }
}

impl State {
    fn rest(&mut self, group: Group, chair: &Arc<Chair>) {
        let turn = self.next;
        self.next += 1;
        chair.turn.store(turn, Ordering::Relaxed);
        if let Some(members) = self.groups.get_mut(&group) {
            members.idle.insert(turn, chair.clone());
        }
    }

    /// Puts out who has done nothing for longest; none when everybody of the group is busy.
    fn put_out(&mut self, group: Group) -> Option<()> {
        let (_, chair) = self.groups.get_mut(&group)?.idle.pop_first()?;
        chair.cut.cancel();
        self.leave(group, &chair);
        Some(())
    }

    fn leave(&mut self, group: Group, chair: &Chair) {
        if chair.given_away.swap(true, Ordering::Relaxed) {
            return;
        }
        self.seated = self.seated.saturating_sub(1);
        if let Some(members) = self.groups.get_mut(&group) {
            members.idle.remove(&chair.turn.load(Ordering::Relaxed));
            members.seated = members.seated.saturating_sub(1);
            if members.seated == 0 {
                self.groups.remove(&group);
            }
        }
    }
}

/// A place among the connected; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    crowd: Arc<Crowd>,
    group: Group,
    chair: Arc<Chair>,
}

impl Seat {
    /// Cancelled when the connection has to end.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.chair.cut
    }

    /// Busy until the answer is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Work {
        let mut state = self.crowd.lock();
        if let Some(members) = state.groups.get_mut(&self.group) {
            members.idle.remove(&self.chair.turn.load(Ordering::Relaxed));
        }
        drop(state);
        Work {
            seat: Some(self.clone()),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Whoever waits for the connection's end is told of it.
        self.chair.cut.cancel();
        self.crowd.lock().leave(self.group, &self.chair);
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Work {
    seat: Option<Arc<Seat>>,
}

impl Work {
    /// The connection is busy from here to its end, such as a websocket.
    pub(crate) fn for_good(mut self) {
        self.seat = None;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let mut state = seat.crowd.lock();
        if !seat.chair.given_away.load(Ordering::Relaxed) {
            state.rest(seat.group, &seat.chair);
        }
        // A seat that is dropped takes the lock.
        drop(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> Group {
        Group::Address(IpAddr::from([192, 0, 2, last]))
    }

    fn crowd() -> Arc<Crowd> {
        Crowd::new(4, 2, CancellationToken::new())
    }

    #[test]
    fn who_does_nothing_for_longest_leaves_first() {
        let crowd = crowd();
        let first = crowd.admit(at(1)).unwrap();
        let second = crowd.admit(at(1)).unwrap();
        // The first asks for something; the second has rested for longer from here on.
        drop(first.work());
        let third = crowd.admit(at(1)).unwrap();
        assert!(second.cut().is_cancelled() && !first.cut().is_cancelled());
        let busy = (first.work(), third.work());
        assert!(crowd.admit(at(1)).is_none(), "all of this address are busy");
        assert!(crowd.admit(at(2)).is_some(), "which is nothing to others");
        drop(busy);
        assert!(crowd.admit(at(1)).is_some());
    }

    #[test]
    fn in_all_the_largest_group_gives_way() {
        let crowd = crowd();
        let seats = [1, 1, 2, 3].map(|group| crowd.admit(at(group)).unwrap());
        let late = crowd.admit(at(4)).unwrap();
        let cut: Vec<bool> = seats.iter().map(|s| s.cut().is_cancelled()).collect();
        assert_eq!(cut, [true, false, false, false]);
        seats[1].work().for_good();
        seats[2].work().for_good();
        seats[3].work().for_good();
        late.work().for_good();
        assert!(crowd.admit(at(5)).is_none(), "everybody is busy");
    }

    #[test]
    fn seats_are_free_again_and_nothing_is_left_of_who_was_there() {
        let crowd = crowd();
        for round in 0..100 {
            let seats: Vec<_> = (0..3).filter_map(|_| crowd.admit(at(round))).collect();
            let work = seats.last().map(Seat::work);
            drop(seats);
            drop(work);
        }
        let state = crowd.lock();
        assert_eq!((state.seated, state.groups.len()), (0, 0), "{state:?}");
    }

    #[test]
    fn a_network_of_one_machine_is_one_group() {
        let of = |text: &str| {
            let address = std::net::SocketAddr::new(text.parse().unwrap(), 9);
            Group::of(&Peer::Tcp {
                address,
                secure: false,
            })
        };
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
