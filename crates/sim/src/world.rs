//! Many namespaces and one clock.

use crate::books::Broken;
use crate::edge::Edge;
use crate::model::Moment;
use crate::plan::Plan;
use crate::step::Step;
use crate::tally::Tally;
use std::time::Duration;

/// Longer than any wait.
const REST: Duration = Duration::from_secs(60);
/// A sender that has waited may have left more to read, over which it has to wait again.
const RESTS: usize = 1000;

#[derive(Debug)]
pub(crate) struct World {
    edges: Vec<Edge>,
    clock: Duration,
    /// What the wall clock shows beyond the other one, in milliseconds.
    ahead: i64,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Result<World, Broken> {
        let mut world =
            World { edges: Vec::new(), clock: Duration::from_secs(100), ahead: 1_700_000_000_000 };
        let now = world.now();
        let numbered = (1..).zip(&plan.setups);
        world.edges = numbered.map(|(contid, setup)| Edge::new(contid, *setup, now)).collect();
        world.edges.iter_mut().try_for_each(|edge| edge.tick(now))?;
        Ok(world)
    }

    pub(crate) fn take(&mut self, step: &Step) -> Result<(), Broken> {
        let now = self.now();
        match step {
            Step::In(namespace, act) => {
                let count = self.edges.len();
                self.edges[namespace % count].take(act, now)
            }
            Step::Wait(time) => self.wait(Duration::from_micros(*time)),
            Step::Stall(time) => {
                self.clock += Duration::from_micros(*time);
                let now = self.now();
                self.edges.iter_mut().try_for_each(|edge| edge.tick(now))
            }
            Step::SetClock(by) => {
                self.ahead = (self.ahead + by).max(0);
                Ok(())
            }
            Step::Restart(moments) => {
                self.edges.iter_mut().for_each(|edge| edge.restart_in(*moments));
                Ok(())
            }
        }
    }

    /// Everything comes to rest, and the namespaces end.
    pub(crate) fn end(&mut self) -> Result<(), Broken> {
        for _ in 0..RESTS {
            self.wait(REST)?;
            if !self.edges.iter().any(Edge::has_waiters) {
                break;
            }
        }
        let now = self.now();
        self.edges.iter_mut().try_for_each(|edge| edge.tick(now).and_then(|()| edge.end()))
    }

    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.edges.iter().for_each(|edge| sum.add(&edge.tally));
        sum
    }

    fn wait(&mut self, time: Duration) -> Result<(), Broken> {
        let now = self.now();
        self.edges.iter_mut().try_for_each(|edge| edge.notice_vanished(now))?;
        let until = self.clock + time;
        let due = |edge: &Edge| edge.namespace.next_deadline().filter(|deadline| *deadline <= until);
        while let Some(deadline) = self.edges.iter().filter_map(due).min() {
            self.clock = self.clock.max(deadline);
            let now = self.now();
            for edge in &mut self.edges {
                // A step ends with every deadline in the future, so that this comes to an end.
                if edge.namespace.next_deadline().is_some_and(|deadline| deadline <= now.clock) {
                    edge.tick(now)?;
                }
            }
        }
        self.clock = until;
        let now = self.now();
        self.edges.iter_mut().try_for_each(|edge| edge.look(now))
    }

    fn now(&self) -> Moment {
        let since_boot = i64::try_from(self.clock.as_millis()).unwrap_or(i64::MAX);
        Moment { clock: self.clock, wall: (self.ahead + since_boot).unsigned_abs() }
    }
}
