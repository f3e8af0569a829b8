//! How many messages are read in what time: a token bucket.

use super::Server;
use auditns_core::EndpointId;
use auditns_sys::clock;
use std::collections::VecDeque;
use std::time::Duration;

/// A rate may be exceeded for so long: messages of that time may come at once.
const BURST: Duration = Duration::from_millis(100);

const SECOND: Duration = Duration::from_secs(1);

/// Tokens of a namespace's messages, and the endpoints that wait for some.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// Tokens a second; 0: as many as anybody wants.
    rate: u32,
    /// When there will be [`BURST`]'s tokens, if nobody takes any.
    full_at: Duration,
    waiting: VecDeque<EndpointId>,
}

impl Bucket {
    /// Fills with so many tokens a second; 0 is no limit.
    pub(super) fn new(rate: u32) -> Bucket {
        Bucket { rate, ..Bucket::default() }
    }

    /// Fills faster or slower from now on.
    pub(super) fn set_rate(&mut self, rate: u32) {
        if rate != self.rate {
            (self.rate, self.full_at) = (rate, Duration::ZERO);
        }
    }

    fn has_limit(&self) -> bool {
        self.rate > 0
    }

    fn token(&self) -> Duration {
        (SECOND / self.rate.max(1)).max(Duration::from_nanos(1))
    }

    /// Whether there is a token.
    fn has_token(&self, now: Duration) -> bool {
        !self.has_limit() || self.full_at.saturating_sub(now) <= BURST
    }

    /// Takes a token.
    fn take(&mut self, now: Duration) {
        if self.has_limit() {
            self.full_at = self.full_at.max(now) + self.token();
        }
    }

    /// How many tokens there are.
    fn tokens(&self, now: Duration) -> usize {
        if !self.has_limit() {
            return usize::MAX;
        }
        let missing = self.full_at.saturating_sub(now);
        let there = BURST.checked_sub(missing).map(|there| there.as_nanos() / self.token().as_nanos() + 1);
        there.and_then(|there| usize::try_from(there).ok()).unwrap_or(0)
    }

    /// When somebody who waits gets a token.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then(|| self.full_at.saturating_sub(BURST))
    }
}

impl Server<'_> {
    /// Whether there is a token for a message of an endpoint. Without one, the endpoint is not read until there is.
    pub(super) fn has_token(&mut self, endpoint: EndpointId) -> bool {
        if !self.bucket.has_limit() || self.bucket.has_token(clock::since_boot()) {
            return true;
        }
        if let Some(connection) = self.connections.get_mut(&endpoint) {
            connection.set_out_of_tokens(true);
            self.bucket.waiting.push_back(endpoint);
        }
        false
    }

    /// A message was read.
    pub(super) fn take_token(&mut self) {
        if self.bucket.has_limit() {
            self.bucket.take(clock::since_boot());
        }
    }

    /// Lets those be read that have waited longest, as many as there are tokens.
    pub(super) fn hand_out_tokens(&mut self) {
        if self.bucket.waiting.is_empty() {
            return;
        }
        let tokens = self.bucket.tokens(clock::since_boot()).min(self.bucket.waiting.len());
        for _ in 0..tokens {
            let Some(endpoint) = self.bucket.waiting.pop_front() else { break };
            if let Some(connection) = self.connections.get_mut(&endpoint) {
                connection.set_out_of_tokens(false);
                self.update_interest(endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tests::{endpoint, get, with_server};
    use crate::server::threads::turn_once;

    #[test]
    fn in_any_time_there_are_as_many_tokens_as_the_rate_says_and_a_burst() {
        for rate in [1, 10, 1000, 12_345, u32::MAX] {
            let mut bucket = Bucket::new(rate);
            let mut now = Duration::from_secs(1000);
            let burst = usize::try_from(rate / 10).unwrap() + 1;
            assert!(bucket.tokens(now) >= burst.min(1000));
            let mut taken = 0;
            for _ in 0..2000 {
                if bucket.has_token(now) {
                    bucket.take(now);
                    taken += 1;
                }
                now += Duration::from_micros(500);
            }
            let most = (rate as usize).min(2000) + burst;
            assert!(taken <= most && taken + 1 >= most.min(2000), "{taken} of {most} at {rate}");
            let there = bucket.tokens(now);
            for _ in 0..there.min(5000) {
                assert!(bucket.has_token(now), "{rate}");
                bucket.take(now);
            }
            assert_eq!(bucket.has_token(now), there > 5000, "{rate}");
        }
        let mut none = Bucket::new(0);
        for _ in 0..100_000 {
            none.take(Duration::ZERO);
        }
        assert!(none.has_token(Duration::ZERO) && none.due().is_none());
    }

    #[test]
    fn endpoints_without_tokens_are_read_in_turns_later_and_nothing_is_lost() {
        with_server(|server| {
            server.bucket.set_rate(100);
            let mut clients = Vec::new();
            for _ in 0..4 {
                let pair = server.sockets.take(true).unwrap().pair;
                endpoint(server, pair.server, true);
                clients.push(pair.client);
            }
            for client in &clients {
                for _ in 0..8 {
                    rustix::io::write(client, &get()).unwrap();
                }
            }
            let begin = clock::since_boot();
            let mut read = Vec::new();
            while server.namespace.counters().datagrams < 32 {
                turn_once(server);
                read.push(server.namespace.counters().datagrams);
                assert!(clock::since_boot().saturating_sub(begin) < Duration::from_secs(20), "{read:?}");
            }
            // A burst of 11, and 21 more at 10 ms each.
            assert!(clock::since_boot().saturating_sub(begin) >= Duration::from_millis(200));
            std::thread::sleep(BURST);
            turn_once(server);
            assert!(server.bucket.waiting.is_empty(), "nobody waits for ever");
        });
    }

    #[test]
    fn a_limit_that_is_taken_away_lets_everybody_be_read() {
        with_server(|server| {
            server.bucket.set_rate(1);
            let pair = server.sockets.take(true).unwrap().pair;
            endpoint(server, pair.server, true);
            for _ in 0..5 {
                rustix::io::write(&pair.client, &get()).unwrap();
            }
            turn_once(server);
            // However late the others come.
            server.bucket.full_at += Duration::from_secs(3600);
            for _ in 0..9 {
                turn_once(server);
            }
            assert_eq!(server.namespace.counters().datagrams, 1);
            let settings = crate::settings::Settings { read_rate: 0, ..server.settings().clone() };
            server.set_settings(settings);
            for _ in 0..10 {
                turn_once(server);
            }
            assert_eq!(server.namespace.counters().datagrams, 5);
        });
    }
}
