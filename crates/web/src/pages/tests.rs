//! What people do on the pages, through the router.

use axum::http::{Method, StatusCode, header};
use facts::incidents::Phase;
use kernel::{ActionId, OutageId, PageId, PostMortemId, SilenceId, Span, WhyId};

use super::stage::{PASSWORD, Stage};

const CONSOLE: [&str; 11] = [
    "/",
    "/services/shop",
    "/alerts",
    "/pages/page_1",
    "/incidents",
    "/incidents/inc_1",
    "/incidents/inc_2",
    "/post-mortems",
    "/post-mortems/pm_1",
    "/oncall",
    "/availability",
];

/// A shop with a past and a present incident, an open page and a down day.
fn busy() -> Stage {
    let stage = Stage::new().signed_in("alice");
    stage.judge_days("shop", 3, |day| if day == 1 { 7 } else { 0 });
    stage.past_incident("Checkout <script>fails</script>", "We <script>looked</script>.");
    stage.fire("too many <script>errors</script>");
    stage.open_incident("Search <script>fails</script>", "We <script>look</script>.");
    stage
}

#[tokio::test]
async fn every_page_shows_a_busy_day_and_runs_nobodys_script() {
    let stage = busy();
    for path in CONSOLE {
        let page = stage.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        page.hides("<script").shows("<!doctype html>").shows("<h1>");
        assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("form-action 'self'"), "{path}");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store", "{path}");
    }
}

#[tokio::test]
async fn every_page_says_what_to_do_where_there_is_nothing() {
    let stage = Stage::empty().signed_in("alice");
    stage.get("/").await.shows("Nothing is configured yet");
    for path in ["/alerts", "/incidents", "/post-mortems", "/oncall", "/availability"] {
        let page = stage.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
    }
    for path in ["/services/shop", "/pages/page_1", "/incidents/inc_1", "/post-mortems/pm_1"] {
        let page = stage.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.shows("<h1>Not found</h1>");
    }
    assert_eq!(stage.get("/pages/seven").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let stage = Stage::new();
    for path in CONSOLE {
        let page = stage.get(path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert!(page.header(header::LOCATION).starts_with("/signin?next=%2F"), "{path}");
    }
    let sent = stage.get("/incidents/inc_1?x=1").await;
    assert_eq!(sent.header(header::LOCATION), "/signin?next=%2Fincidents%2Finc_1%3Fx%3D1");
    stage.get(sent.header(header::LOCATION)).await.shows("value=\"/incidents/inc_1?x=1\"");
    let form = [("person", "alice"), ("password", PASSWORD), ("next", "/incidents/inc_1?x=1")];
    let signed_in = stage.post("/signin", &form).await;
    assert_eq!(signed_in.header(header::LOCATION), "/incidents/inc_1?x=1");
    let cookie = signed_in.header(header::SET_COOKIE);
    assert!(cookie.starts_with("swan_session=session-of-alice; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "the server is reached over https: {cookie}");
}

#[tokio::test]
async fn a_wrong_password_opens_no_session_and_the_eleventh_is_not_even_tried() {
    let stage = Stage::new();
    for _ in 0..10 {
        let refused = stage.post("/signin", &[("person", "alice"), ("password", "wrong")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.header(header::SET_COOKIE), "");
        refused.shows("the name or the password is wrong");
    }
    let form = [("person", "alice"), ("password", PASSWORD)];
    let waits = stage.post("/signin", &form).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    waits.shows("wait 15 min");
    stage.advance(Span::from_mins(15));
    assert_eq!(stage.post("/signin", &form).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_sites_form_changes_nothing() {
    let stage = busy();
    let foreign = [("origin", "https://evil.example")];
    for path in ["/incidents/inc_2", "/pages/page_1", "/signout"] {
        let refused = stage.send(Method::POST, path, &foreign, "act=acknowledge").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        refused.shows("not one of our pages");
    }
    let form = format!("person=alice&password={}", PASSWORD.replace(' ', "+"));
    let refused = stage.send(Method::POST, "/signin", &foreign, &form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(stage.world().oncall.page(PageId(1)).unwrap().acknowledged, None);
}

#[tokio::test]
async fn browsers_are_asked_to_name_the_origin_of_our_forms() {
    // Under `no-referrer` a browser sends `Origin: null` with a form, which no page of ours could then be told from.
    let stage = busy();
    for path in CONSOLE.into_iter().chain(["/signin", "/ack/alice.page_1"]) {
        stage.get(path).await.shows("<meta name=\"referrer\" content=\"same-origin\">");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_not_read() {
    let stage = busy();
    let text = "x".repeat(crate::limits::FORM_BYTES_MAX);
    let refused = stage.post("/incidents/inc_2", &[("act", "note"), ("text", &text)]).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_refusal_shows_the_page_with_the_reason_and_what_was_written() {
    let stage = busy();
    let form = [
        ("act", "update"),
        ("text", "It is the <disk>."),
        ("phase", "resolved"),
        ("audience", "internal"),
        ("next_due", ""),
    ];
    let refused = stage.post("/incidents/inc_2", &form).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows("an update cannot say `resolved`").shows("resolve the incident instead");
    refused.shows("It is the &#60;disk&#62;.").shows("Search &#60;script&#62;fails");
    let unclear = stage.post("/incidents/inc_2", &[("act", "dance")]).await;
    assert_eq!(unclear.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_incident_is_led_from_its_page_until_it_is_reviewed() {
    let stage = busy();
    let path = "/incidents/inc_2";
    let acts: [&[(&str, &str)]; 7] = [
        &[("act", "leader"), ("person", "bob")],
        &[("act", "join"), ("team", "recovery"), ("person", "alice")],
        &[("act", "join"), ("team", "root_cause"), ("person", "bob")],
        &[("act", "leave"), ("team", "root_cause"), ("person", "bob")],
        &[("act", "note"), ("text", "restarted the index")],
        &[("act", "severity"), ("severity", "critical"), ("reason", "all of search")],
        &[
            ("act", "update"),
            ("text", "It is the index."),
            ("phase", "identified"),
            ("audience", "public"),
            ("next_due", "2026-11-20T10:00"),
        ],
    ];
    for form in acts {
        let done = stage.post(path, form).await;
        assert_eq!((done.status, done.header(header::LOCATION)), (StatusCode::SEE_OTHER, path), "{form:?}");
    }
    let page = stage.get(path).await;
    page.shows("restarted the index").shows("critical, identified").shows("alice joined the recovery team");
    let world = stage.world();
    let incident = world.incidents.open_of(&"shop".into()).unwrap();
    assert_eq!((incident.leader.clone(), incident.phase), (Some("bob".into()), Phase::Identified));
    assert_eq!(incident.update_due.to_string(), "2026-11-20T10:00:00Z");
    assert_eq!((incident.recovery.len(), incident.root_cause.len()), (1, 0));
    stage.get("/status").await.shows("It is the index.");

    let done = stage.post(path, &[("act", "resolve"), ("text", "The index is back.")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    stage.get(path).await.shows("Resolved").shows("href=\"/post-mortems/pm_2\"");
    stage.get("/status/incidents/inc_2").await.shows("The index is back.");
}

#[tokio::test]
async fn a_review_is_complete_once_every_leaf_ends_in_something() {
    let stage = busy();
    let path = "/post-mortems/pm_1";
    let post = async |form: &[(&str, &str)]| stage.post(path, form).await;
    let done = post(&[("act", "why"), ("parent", ""), ("text", "the disk was full")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    post(&[("act", "why"), ("parent", "why_1"), ("text", "nobody watches it")]).await;
    post(&[("act", "why"), ("parent", "why_1"), ("text", "logs grow without bound")]).await;
    let refused = post(&[("act", "complete")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows("ends in neither an action nor an accepted risk").shows("ends in nothing yet");

    post(&[("act", "accept"), ("why", "why_2"), ("reason", "it is one disk")]).await;
    let action = [
        ("act", "action"),
        ("why", "why_3"),
        ("title", "rotate the logs"),
        ("priority", "high"),
        ("owner", "bob"),
        ("due", "2026-11-27"),
    ];
    assert_eq!(post(&action).await.status, StatusCode::SEE_OTHER);
    let due = stage.world().learning.action(ActionId(1)).unwrap().due;
    assert_eq!(due.to_string(), "2026-11-28T00:00:00Z", "the day that it is due on is its own");
    post(&[("act", "judgement"), ("text", "restart or wait"), ("person", "bob")]).await;
    post(&[("act", "section"), ("section", "summary"), ("text", "A disk was full.")]).await;
    let page = stage.get(path).await;
    page.shows("Risk accepted: it is one disk").shows("href=\"#act_1\"").shows("A disk was full.");
    stage.get("/post-mortems").await.shows("act_1: rotate the logs").shows("27 Nov 2026");
    assert_eq!(post(&[("act", "complete")]).await.status, StatusCode::SEE_OTHER);
    let world = stage.world();
    let review = world.learning.review(PostMortemId(1)).unwrap();
    assert!(review.completed_at.is_some() && review.whys.contains_key(&WhyId(3)));
    stage.get(path).await.shows("complete since").hides("Complete the review");
    post(&[("act", "finish"), ("action", "act_1"), ("outcome", "rotated daily")]).await;
    stage.get(path).await.shows("rotated daily");
}

#[tokio::test]
async fn a_page_is_acknowledged_passed_on_and_closed_from_its_page() {
    let stage = busy();
    let path = "/pages/page_1";
    stage.get(path).await.shows("goes to step 2").shows("alice/email/1").shows("Acknowledge");
    stage.post(path, &[("act", "acknowledge")]).await;
    stage.get(path).await.shows("alice acknowledged at").hides(">Acknowledge<");
    stage.post(path, &[("act", "escalate"), ("reason", "I am on a train")]).await;
    let page = stage.get(path).await;
    page.shows("I am on a train").shows("In its present step: <strong>bob</strong>");
    let closed = stage.post(path, &[("act", "close")]).await;
    assert_eq!(closed.status, StatusCode::SEE_OTHER);
    stage.get(path).await.shows("over: somebody closed it").hides("<button class=\"main\"");
}

#[tokio::test]
async fn an_alert_is_silenced_exactly_and_the_page_says_why_nobody_is_told() {
    let stage = Stage::new().signed_in("alice");
    stage.fire("too many errors");
    let page = stage.get("/alerts").await;
    page.shows("fires since 2026-11-20T09:25:00Z").shows("told of with grp_1").shows("page_1");
    let world = stage.world();
    let fingerprint = world.alerting.alerts().next().unwrap().fired.fingerprint.to_string();
    let form = [("act", "silence"), ("fingerprint", &fingerprint), ("hours", "4"), ("comment", "known")];
    assert_eq!(stage.post("/alerts", &form).await.status, StatusCode::SEE_OTHER);
    stage.get("/alerts").await.shows("sil_1 mutes it until").shows("alertname=&#34;HighErrorRate&#34;");
    let ended = stage.post("/alerts", &[("act", "end_silence"), ("silence", "sil_1")]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    let world = stage.world();
    assert!(world.alerting.silence(SilenceId(1)).unwrap().ended_at.is_some());
    let gone = [("act", "silence"), ("fingerprint", "00"), ("hours", "4"), ("comment", "known")];
    assert_eq!(stage.post("/alerts", &gone).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_outage_is_attributed_and_a_slice_corrected_on_the_services_page() {
    let stage = busy();
    let path = "/services/shop";
    stage.get(path).await.shows("out_1: 7 min").shows("Nobody has said why yet");
    let form =
        [("act", "attribute"), ("outage", "out_1"), ("cause", "disk"), ("note", ""), ("incident", "inc_1")];
    assert_eq!(stage.post(path, &form).await.status, StatusCode::SEE_OTHER);
    stage.get(path).await.shows("Cause: <strong>disk</strong>").shows("<option value=\"disk\">");
    stage.get("/availability").await.shows("disk").hides("not attributed yet");
    let down = stage.world();
    assert_eq!(objectives::outage(&down.objectives, OutageId(1)).unwrap().outage.slices, 7);

    let form = [("act", "correct"), ("start", "2026-11-18T00:06"), ("verdict", "up"), ("reason", "a drill")];
    assert_eq!(stage.post(path, &form).await.status, StatusCode::SEE_OTHER);
    let corrected = stage.world();
    assert_eq!(objectives::outage(&corrected.objectives, OutageId(1)).unwrap().outage.slices, 6);
    let without_reason =
        [("act", "correct"), ("start", "2026-11-18T00:05"), ("verdict", "up"), ("reason", " ")];
    let refused = stage.post(path, &without_reason).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows("a correction needs a reason");
}

#[tokio::test]
async fn a_service_that_is_not_measured_is_neither_up_nor_down() {
    let stage = busy();
    // Judged until midnight, and it is half past nine.
    stage.get("/").await.shows("state unknown\">unknown").hides("state good\">up");
    stage.get("/services/search").await.shows("Not judged yet");
}

#[tokio::test]
async fn somebody_takes_a_shift_and_gives_it_back() {
    let stage = Stage::new().signed_in("bob");
    stage.get("/oncall").await.shows("<strong>alice</strong> until").shows("Hands over Mon 10:00");
    let form = [
        ("act", "override"),
        ("rotation", "first-line"),
        ("person", "bob"),
        ("from", "2026-11-20T09:30"),
        ("until", "2026-11-20T18:00"),
    ];
    assert_eq!(stage.post("/oncall", &form).await.status, StatusCode::SEE_OTHER);
    stage.get("/oncall").await.shows("<strong>bob</strong> until").shows("(by ovr_1)");
    stage.get("/").await.shows("first-line: <strong>bob</strong>");
    stage.post("/oncall", &[("act", "take_back"), ("exception", "ovr_1")]).await;
    stage.get("/oncall").await.shows("<strong>alice</strong> until").hides("ovr_1");
    let backwards = [
        ("act", "override"),
        ("rotation", "first-line"),
        ("person", "bob"),
        ("from", "2026-11-20T18:00"),
        ("until", "2026-11-20T09:00"),
    ];
    assert_eq!(stage.post("/oncall", &backwards).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_now_page_refreshes_unless_it_is_told_not_to() {
    let stage = busy();
    stage.get("/").await.shows("http-equiv=\"refresh\" content=\"5\"");
    stage.get("/?still=1").await.hides("http-equiv=\"refresh\"");
    stage.get("/incidents/inc_2").await.hides("http-equiv");
}

#[tokio::test]
async fn an_incident_is_declared_by_hand_and_tickets_are_closed_on_the_list() {
    let stage = Stage::new().signed_in("alice");
    let open = incidents::Command::OpenTicket { service: None, title: "disk fills".to_owned(), group: None };
    stage.decide(kernel::Actor::Swan, open);
    let form = [
        ("act", "declare"),
        ("service", "search"),
        ("title", "Search is down"),
        ("severity", "critical"),
        ("began_at", "2026-11-20T09:00"),
    ];
    assert_eq!(stage.post("/incidents", &form).await.status, StatusCode::SEE_OTHER);
    stage.get("/incidents").await.shows("inc_1: Search is down").shows("tic_1: disk fills");
    let again = stage.post("/incidents", &form).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.shows("has an open incident").shows("Search is down");
    stage.post("/incidents", &[("act", "own"), ("ticket", "tic_1"), ("person", "bob")]).await;
    stage.get("/incidents").await.shows("bob owns it");
    let closed = [("act", "close_ticket"), ("ticket", "tic_1"), ("resolution", "bought another")];
    assert_eq!(stage.post("/incidents", &closed).await.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.world().incidents.tickets().count(), 0);
}
