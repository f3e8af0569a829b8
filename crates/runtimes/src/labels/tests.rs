use super::*;
use proptest::prelude::*;

const ID: &str = "743f5c201f3bdd2211518287b45e0e3a5f05eebce725136a8baf6f7e9a6a275d";

fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(ID, &annotations(pairs))
}

const CONTAINERD: [(&str, &str); 5] = [
    ("io.kubernetes.cri.container-name", "coredns"),
    ("io.kubernetes.cri.container-type", "container"),
    ("io.kubernetes.cri.image-name", "registry.k8s.io/coredns/coredns:v1.8.6"),
    ("io.kubernetes.cri.sandbox-name", "coredns-6d4b75"),
    ("io.kubernetes.cri.sandbox-namespace", "kube-system"),
];

#[test]
fn managers_are_told_apart() {
    for (pairs, manager) in [
        (CONTAINERD.as_slice(), Some("containerd")),
        (&[("io.container.manager", "libpod"), ("io.kubernetes.cri-o.TTY", "false")], Some("podman")),
        (&[("io.container.manager", "cri-o")], Some("cri-o")),
        (&[("io.container.manager", "other")], Some("other")),
        (&[("nerdctl/name", "web")], Some("nerdctl")),
        (&[("io.container.manager", "")], None),
        (&[], None),
    ] {
        assert_eq!(labels(pairs).manager.as_deref(), manager, "{pairs:?}");
    }
}

#[test]
fn pods_are_named_by_namespace_pod_and_container() {
    let coredns = labels(&CONTAINERD);
    assert_eq!(coredns.name(), "kube-system.coredns-6d4b75.coredns");
    assert_eq!(
        coredns.fields(),
        [
            ("ctr-id", ID.to_owned()),
            ("k8s-ns", "kube-system".to_owned()),
            ("k8s-pod", "coredns-6d4b75".to_owned()),
            ("k8s-ctr", "coredns".to_owned()),
        ]
    );

    let sandbox = labels(&[
        ("io.kubernetes.cri.container-type", "sandbox"),
        ("io.kubernetes.cri.container-name", "pause"),
        ("io.kubernetes.cri.sandbox-name", "web"),
        ("io.kubernetes.cri.sandbox-namespace", "shop"),
    ]);
    assert_eq!(sandbox.name(), "shop.web");
    assert_eq!(sandbox.kubernetes.unwrap().container, None);

    let crio = [
        ("io.container.manager", "cri-o"),
        ("io.kubernetes.pod.name", "web"),
        ("io.kubernetes.pod.namespace", "shop"),
    ];
    assert_eq!(labels(&crio).name(), "shop.web");
    assert_eq!(labels(&[&crio[..], &[("io.kubernetes.container.name", "POD")]].concat()).name(), "shop.web");
    assert_eq!(
        labels(&[&crio[..], &[("io.kubernetes.container.name", "nginx")]].concat()).name(),
        "shop.web.nginx"
    );
    assert_eq!(labels(&[("io.kubernetes.pod.name", "web")]).kubernetes, None, "no namespace");
}

#[test]
fn other_containers_are_named_by_their_name_or_id() {
    assert_eq!(labels(&[("nerdctl/name", "web")]).name(), "web");
    assert_eq!(labels(&[("nerdctl/name", "web"), ("nerdctl/namespace", "default")]).name(), "web");
    let shop = labels(&[("nerdctl/name", "web"), ("nerdctl/namespace", "shop")]);
    assert_eq!(shop.name(), "shop.web");
    assert_eq!(shop.fields(), [("ctr-id", ID.to_owned()), ("ctr-name", "web".to_owned())]);
    for (id, name) in [
        (ID, "743f5c201f3b"),
        ("my-container", "my-container"),
        ("743f5c201f3bdd", "743f5c201f3bdd"),
        ("a/b", "a_b-727b21827e18c97a"),
        ("..", "c..-f7da0d17ec4c71d6"),
        ("", "c-af64724c8602eb6e"),
    ] {
        assert_eq!(Labels::new(id, &BTreeMap::new()).name(), name);
    }
}

#[test]
fn a_wished_name_wins_if_it_is_one() {
    let wished = |name| labels(&[&CONTAINERD[..], &[("io.auditns.name", name)]].concat()).name();
    assert_eq!(wished("dns"), "dns");
    assert_eq!(wished(".dns"), "kube-system.coredns-6d4b75.coredns");
    assert_eq!(wished(""), "kube-system.coredns-6d4b75.coredns");
}

#[test]
fn names_that_must_be_changed_stay_apart_and_stay_the_same() {
    let pod = |pod: &str, container: &str| {
        labels(&[
            ("io.kubernetes.cri.sandbox-namespace", "shop"),
            ("io.kubernetes.cri.sandbox-name", pod),
            ("io.kubernetes.cri.container-name", container),
        ])
        .name()
    };
    let long = "p".repeat(250);
    assert_ne!(pod(&long, "one"), pod(&long, "two"));
    assert_eq!(pod(&long, "one"), pod(&long, "one"));
    assert_eq!(pod(&long, "one").len(), 64);
    assert_ne!(pod("a.b", "c"), pod("a", "b.c"));
    assert_ne!(pod("a.b", "c"), pod("a", "b"));
    assert_ne!(pod("a b", "c"), pod("a\u{1b}b", "c"));
    assert_eq!(pod("a/b", "c"), "shop.a_b.c-9e9a9fe99f9a17ef", "as every version makes it");
}

#[test]
fn fields_are_bounded_and_cut_between_characters() {
    let long = "ä".repeat(200);
    let made = labels(&[("nerdctl/name", &long), ("io.container.manager", &long)]);
    let fields = made.fields();
    assert_eq!(fields[1], ("ctr-name", "ä".repeat(126)));
    assert_eq!(made.manager.unwrap().len(), 252);
    let exact = "x".repeat(FIELD_MAX);
    assert_eq!(Labels::new(&exact, &BTreeMap::new()).fields(), [("ctr-id", exact)]);
    assert_eq!(Labels::new("", &BTreeMap::new()).fields(), []);
}

#[test]
fn wishes_are_read() {
    let all = annotations(&[
        ("io.auditns.backlog-limit", "4294967295"),
        ("io.auditns.name", "web"),
        ("io.auditns.off", "no"),
        ("io.auditns.policy", "strict"),
        ("io.auditnsx", "not ours"),
        ("io.container.manager", "libpod"),
    ]);
    let wishes = Wishes::parse(&all).unwrap();
    let expected = Wishes {
        name: Some("web".to_owned()),
        backlog_limit: Some(u32::MAX),
        policy: Some(Mode::Strict),
        off: false,
    };
    assert_eq!(wishes, expected);
    assert_eq!(Wishes::parse(&BTreeMap::new()).unwrap(), Wishes::default());
    for (value, off) in
        [("true", true), ("1", true), ("YES", true), ("on", true), ("False", false), ("0", false)]
    {
        assert_eq!(Wishes::parse(&annotations(&[("io.auditns.off", value)])).unwrap().off, off, "{value}");
    }
    let normal = Wishes::parse(&annotations(&[("io.auditns.policy", "normal")])).unwrap();
    assert_eq!(normal.policy, Some(Mode::Normal));
}

#[test]
fn what_is_no_wish_is_named_and_escaped() {
    for (key, value) in [
        ("io.auditns.name", ".hidden"),
        ("io.auditns.name", ""),
        ("io.auditns.backlog-limit", "4294967296"),
        ("io.auditns.backlog-limit", "-1"),
        ("io.auditns.backlog-limit", "+1"),
        ("io.auditns.backlog-limit", ""),
        ("io.auditns.policy", "Strict"),
        ("io.auditns.off", "maybe"),
        ("io.auditns.of", "true"),
        ("io.auditns.", "x"),
        ("io.auditns.name", "a\u{1b}[31m\u{202e}b"),
        ("io.auditns.\u{1b}[2J", "x\n"),
    ] {
        let message = Wishes::parse(&annotations(&[(key, value)])).unwrap_err().to_string();
        assert!(message.contains(key) || message.contains(&format!("{key:?}")), "{message}");
        assert!(message.contains(&format!("{value:?}")), "{message}");
        assert!(message.chars().all(|each| each.is_ascii_graphic() || each == ' '), "{message:?}");
    }
    let long =
        Wishes::parse(&annotations(&[(&format!("io.auditns.{}", "k".repeat(1000)), &"v".repeat(1000))]));
    assert!(long.unwrap_err().to_string().len() < 512);
}

proptest! {
    #[test]
    fn any_annotations_give_a_good_name(
        id in any::<String>(),
        pairs in prop::collection::btree_map(
            prop::sample::select(vec![
                "io.auditns.name", "io.auditns.off", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.cri.container-name", "nerdctl/name", "nerdctl/namespace", "io.container.manager",
            ]).prop_map(str::to_owned),
            any::<String>(),
            0..8,
        ),
    ) {
        let labels = Labels::new(&id, &pairs);
        let name = labels.name();
        prop_assert!(valid(&name), "{name:?}");
        prop_assert!(labels.fields().iter().all(|(_, value)| !value.is_empty() && value.len() <= FIELD_MAX));
        let _ = Wishes::parse(&pairs).map_err(|error| error.to_string());
    }
}

#[test]
fn what_says_nothing_here_is_left_out() {
    let annotations = [
        ("io.auditns.name", "web".to_owned()),
        ("io.kubernetes.pod.name", "web-1".to_owned()),
        ("io.kubernetes.container.hash", "x".repeat(1 << 20)),
        ("org.example.story", "x".repeat(1 << 20)),
        ("nerdctl/name", "n".to_owned()),
        ("nerdctl/log-uri", "l".to_owned()),
    ];
    let all = annotations.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let kept: Vec<String> = relevant(all).into_keys().collect();
    assert_eq!(kept, ["io.auditns.name", "io.kubernetes.pod.name", "nerdctl/name"]);
}
