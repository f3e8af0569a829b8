//! What can be done to a family, as plain data.

use fastrand::Rng;

/// A family as it begins, and what happens to it.
#[derive(Clone, Debug)]
pub struct History {
    /// `backlog_limit` of the root.
    pub limit: u32,
    /// How deep namespaces may be inside each other.
    pub depth: u32,
    /// How many there may be.
    pub number: u32,
    /// What each gets of its parent's limit, in percent.
    pub share: u32,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step. Namespaces and sockets go by numbers that wrap around at what there is.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A member of this namespace gets a socket.
    Open(u8),
    /// A socket is closed.
    Close(u8),
    /// A member of this namespace asks for one inside it, over this socket.
    Create {
        /// Whose.
        from: u8,
        /// Over which.
        socket: u8,
        /// The member has the privilege.
        permitted: bool,
        /// Tasks can be moved.
        supported: bool,
        /// The move succeeds.
        moves: bool,
    },
    /// A member of this namespace logs something over this socket.
    Say(u8, u8),
    /// Somebody of whom nobody knows where it is logs something over this socket.
    SayUnknown(u8),
    /// A member asks for the status.
    Get(u8, u8),
    /// A member becomes the audit daemon.
    Register(u8, u8),
    /// A member listens.
    Listen(u8, u8),
    /// The host sets the limit.
    Limit(u8, u32),
    /// The last member is gone.
    End(u8),
    /// Another supervisor takes over.
    Restart,
    /// Time passes, in milliseconds.
    Wait(u16),
}

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> History {
        let mut rng = Rng::with_seed(seed ^ 0x6e65_7374);
        let length = rng.usize(20..200);
        let mut steps: Vec<Step> = (0..3).map(|_| Step::Open(0)).collect();
        steps.extend((0..length).map(|_| step(&mut rng)));
        History {
            limit: pick(&mut rng, &[0, 1, 8, 64, 64]),
            depth: rng.u32(0..4),
            number: pick(&mut rng, &[0, 1, 2, 3, 5]),
            share: pick(&mut rng, &[0, 0, 50, 100]),
            steps,
        }
    }
}

fn step(rng: &mut Rng) -> Step {
    let (from, socket) = (rng.u8(..), rng.u8(..));
    match rng.u8(..100) {
        0..40 => Step::Say(from, socket),
        40..56 => Step::Create {
            from,
            socket,
            permitted: rng.u8(..8) > 0,
            supported: rng.u8(..12) > 0,
            moves: rng.u8(..8) > 0,
        },
        56..64 => Step::Limit(from, pick(rng, &[0, 1, 4, 8, 64])),
        64..70 => Step::Open(from),
        70..75 => Step::Get(from, socket),
        75..80 => Step::Register(from, socket),
        80..84 => Step::Listen(from, socket),
        84..88 => Step::Close(socket),
        88..93 => Step::End(from),
        93..95 => Step::SayUnknown(socket),
        95..98 => Step::Restart,
        _ => Step::Wait(rng.u16(..2000)),
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}
