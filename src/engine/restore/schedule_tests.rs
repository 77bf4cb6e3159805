use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// A random graph: each node depends on some before it, in a shuffled numbering of weights and locks.
fn graph() -> impl Strategy<Value = Vec<Node>> {
    let node = (
        proptest::collection::vec(any::<u32>(), 0..4),
        proptest::collection::vec((0_u32..4, any::<bool>()), 0..3),
        0_u64..100,
        any::<bool>(),
    );
    proptest::collection::vec(node, 0..60).prop_map(|raw| {
        raw.into_iter()
            .enumerate()
            .map(|(at, (after, holds, weight, milestone))| {
                let mut seen = HashSet::new();
                Node {
                    after: after.into_iter().filter(|_| at > 0).map(|n| n % at.max(1) as u32).collect(),
                    holds: holds
                        .into_iter()
                        .filter(|(lock, _)| seen.insert(*lock))
                        .map(|(lock, alone)| (lock, if alone { Hold::Alone } else { Hold::Shared }))
                        .collect(),
                    weight,
                    urgency: 0,
                    milestone: milestone && weight % 5 == 0,
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_starts_early_everything_runs_and_locks_are_kept(nodes in graph(), workers in 1_usize..5, order in any::<u64>()) {
        let mut schedule = Schedule::new(nodes.clone()).expect("no circle");
        let mut done: HashSet<NodeId> = HashSet::new();
        let mut running: Vec<NodeId> = Vec::new();
        let mut seed = order;
        // Milestones are done once all before them are, in the order of their numbers.
        let settle = |done: &mut HashSet<NodeId>| for (at, node) in nodes.iter().enumerate() {
            if node.milestone && node.after.iter().all(|before| done.contains(before)) {
                done.insert(at as NodeId);
            }
        };
        settle(&mut done);
        while !schedule.is_over() {
            while running.len() < workers {
                let Some(at) = schedule.pick() else { break };
                prop_assert!(nodes[at as usize].after.iter().all(|before| done.contains(before)), "{at} started early");
                for (lock, hold) in &nodes[at as usize].holds {
                    for other in &running {
                        for (held, how) in &nodes[*other as usize].holds {
                            prop_assert!(held != lock || (*how == Hold::Shared && *hold == Hold::Shared), "{at} and {other} hold {lock}");
                        }
                    }
                }
                running.push(at);
            }
            prop_assert!(!running.is_empty(), "stuck");
            prop_assert_eq!(schedule.running(), running.len());
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            let at = running.swap_remove((seed >> 33) as usize % running.len());
            schedule.done(at);
            prop_assert!(done.insert(at), "{at} ran twice");
            settle(&mut done);
        }
        prop_assert_eq!(done.len(), nodes.len());
    }

    #[test]
    fn a_failure_skips_exactly_what_depends_on_it(nodes in graph(), victim in any::<u32>()) {
        let mut schedule = Schedule::new(nodes.clone()).expect("no circle");
        let real: Vec<NodeId> = (0..nodes.len() as NodeId).filter(|at| !nodes[*at as usize].milestone).collect();
        prop_assume!(!real.is_empty());
        let victim = real[victim as usize % real.len()];
        let mut bad: HashSet<NodeId> = HashSet::from([victim]);
        for (at, node) in nodes.iter().enumerate() {
            if node.after.iter().any(|before| bad.contains(before)) {
                bad.insert(at as NodeId);
            }
        }
        let mut ran = HashSet::new();
        while let Some(at) = schedule.pick() {
            ran.insert(at);
            if at == victim {
                let skipped: HashSet<NodeId> = schedule.failed(at).into_iter().collect();
                prop_assert_eq!(skipped.len() + 1, bad.len());
                prop_assert!(skipped.is_subset(&bad));
            } else {
                schedule.done(at);
            }
        }
        prop_assert!(schedule.is_over());
        prop_assert!(ran.iter().all(|at| *at == victim || !bad.contains(at)));
        prop_assert!(real.iter().all(|at| ran.contains(at) || bad.contains(at)));
    }
}

#[test]
fn the_longest_way_to_the_end_goes_first() {
    let node = |weight, after: &[NodeId]| Node { weight, after: after.to_vec(), ..Node::default() };
    // 0 is small but a large index hangs on it.
    let mut schedule = Schedule::new(vec![node(1, &[]), node(50, &[]), node(100, &[0])]).expect("no circle");
    assert_eq!([schedule.pick(), schedule.pick(), schedule.pick()], [Some(0), Some(1), None]);
    schedule.done(0);
    assert_eq!(schedule.pick(), Some(2));
}

#[test]
fn circles_and_dangling_edges_are_refused() {
    let node = |after: &[NodeId]| Node { after: after.to_vec(), ..Node::default() };
    assert!(Schedule::new(vec![node(&[1]), node(&[0])]).is_err());
    assert_eq!(Schedule::new(vec![node(&[7])]).err(), Some(0));
}
