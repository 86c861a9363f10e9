//! What is listed: series, labels, and what the server tells of itself.

use serde_json::{Value, json};

use super::Both;

#[test]
fn series_and_labels_are_listed_as_by_prometheus() {
    let Some(both) = Both::start() else { return };
    let (start, at) = (both.until_ms / 1000 - 3600, both.at());
    for path in [
        "series?match[]=up".to_owned(),
        "series?match[]=up&match[]=requests_total{code=%22500%22}&match[]={job=%22api%22}".to_owned(),
        format!("series?match[]={{__name__=~%22.%2B%22}}&start={start}&end={at}"),
        "series?match[]=nothing".to_owned(),
        "labels".to_owned(),
        "labels?match[]=up".to_owned(),
        "labels?match[]=up&match[]=odd".to_owned(),
        format!("labels?start={start}&end={at}"),
        "label/__name__/values".to_owned(),
        "label/job/values".to_owned(),
        "label/instance/values?match[]=up{job=%22api%22}".to_owned(),
        "label/instance/values?match[]=up{job=%22api%22}&match[]=up{job=%22node%22}".to_owned(),
        "label/nothing/values".to_owned(),
        "query_exemplars?query=up".to_owned(),
        "metadata".to_owned(),
        "metadata?metric=up".to_owned(),
        "targets/metadata".to_owned(),
        "rules".to_owned(),
        "rules?type=alert".to_owned(),
        "alerts".to_owned(),
        "alertmanagers".to_owned(),
        "status/walreplay".to_owned(),
    ] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        let (mut shown, mut expected) = (swan.json(), peer.json());
        // Prometheus sorts series where there are several selectors only.
        for answer in [&mut shown, &mut expected].into_iter().filter(|_| path.starts_with("series")) {
            answer["data"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        if path.starts_with("status/walreplay") {
            // Which segments it read is its own; that none is left to read is not.
            expected["data"] = json!({ "min": 0, "max": 0, "current": 0 });
        }
        assert_eq!((swan.status, shown), (peer.status, expected), "{path}");
    }
    let targets = both.swan.read("/api/v1/targets");
    assert_eq!(targets["data"]["activeTargets"], json!([]), "{targets}");
    let limited = both.swan.read("/api/v1/label/__name__/values?limit=2");
    assert_eq!(limited["data"], json!(["not_a_number", "odd"]));
    assert_eq!(limited["warnings"], json!(["results truncated due to limit"]));
    let encoded = both.swan.read("/api/v1/label/U__job/values");
    assert_eq!(encoded["data"], json!(["api", "node"]));
    both.swan.stop();
}

#[test]
fn the_server_tells_of_itself_as_prometheus_does() {
    let Some(both) = Both::start() else { return };
    let shape =
        |value: &Value| -> Vec<String> { value["data"].as_object().unwrap().keys().cloned().collect() };
    for path in ["status/config", "status/buildinfo", "status/tsdb"] {
        let (swan, peer) = both.ask(&format!("/api/v1/{path}"));
        assert_eq!(shape(&swan.json()), shape(&peer.json()), "{path}");
    }
    let (swan, peer) = both.ask("/api/v1/status/runtimeinfo");
    let (swan, peer) = (swan.json(), peer.json());
    let missing: Vec<String> = shape(&peer).into_iter().filter(|key| !shape(&swan).contains(key)).collect();
    assert_eq!(missing, Vec::<String>::new());
    let (swan, peer) = both.ask("/api/v1/status/tsdb");
    let (swan, peer) = (swan.json(), peer.json());
    assert_eq!(swan["data"]["headStats"]["numSeries"], peer["data"]["headStats"]["numSeries"]);
    assert_eq!(swan["data"]["headStats"]["numLabelPairs"], peer["data"]["headStats"]["numLabelPairs"]);
    let rows = |answer: &Value, list: &str| {
        let mut rows: Vec<String> =
            answer["data"][list].as_array().unwrap().iter().map(ToString::to_string).collect();
        rows.sort();
        rows
    };
    for list in ["seriesCountByMetricName", "labelValueCountByLabelName"] {
        assert_eq!(rows(&swan, list), rows(&peer, list), "{list}");
    }
    assert!(both.swan.read("/api/v1/status/flags")["data"]["query.lookback-delta"].is_string());
    assert_eq!(both.swan.read("/api/v1/features")["data"]["api"]["query_warnings"], true);
    both.swan.stop();
}
