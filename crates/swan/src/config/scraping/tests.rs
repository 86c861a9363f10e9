use super::*;

fn jobs(text: &str) -> Result<Jobs, String> {
    let mut jobs = Jobs::default();
    jobs.take_prometheus(Path::new("conf/prometheus.yml"), text).map_err(|problems| problems.join("\n"))?;
    Ok(jobs)
}

#[test]
fn what_prometheus_has_and_swan_has_not_is_listed_with_its_places() {
    let refused = jobs(
        "scrape_configs:
  - job_name: a
    kubernetes_sd_configs: [{role: pod}]
    consul_sd_configs:
      - server: localhost:8500
    proxy_url: http://proxy
    static_configs: [{targets: [a:1], labels: {proxy_url: x}}]
  - job_name: b
    http_sd_configs:
      - url: http://b
        oauth2: {client_id: x, client_secret: y, token_url: z}
",
    );
    insta::assert_snapshot!(refused.unwrap_err(), @r"
    conf/prometheus.yml:4:5: not supported yet: `consul_sd_configs`
      hint: let it write a file for `file_sd_configs`, or serve a list for `http_sd_configs`
    conf/prometheus.yml:3:5: not supported yet: `kubernetes_sd_configs`
      hint: let it write a file for `file_sd_configs`, or serve a list for `http_sd_configs`
    conf/prometheus.yml:6:5: not supported yet: `proxy_url`
      hint: Swan scrapes without a proxy
    conf/prometheus.yml:11:9: not supported yet: `oauth2`
      hint: let something else fetch the token, and name its file in `authorization: { credentials_file: … }`
    ");
}

#[test]
fn a_whole_file_of_prometheus_is_read_and_says_what_is_not_used() {
    let text = "global:
  scrape_interval: 20s
  external_labels: {site: x}
rule_files: [rules/*.yml]
alerting:
  alertmanagers: [{static_configs: [{targets: ['localhost:9093']}]}]
remote_write: [{url: http://other}]
scrape_configs:
  - job_name: node
    scrape_timeout: 5s
    basic_auth: {username: u, password: p}
    tls_config: {ca_file: ca.pem}
    file_sd_configs: [{files: ['targets/*.json']}]
    relabel_configs:
      - {source_labels: [__address__], regex: '(.*):.*', target_label: host}
      - {action: LabelDrop, regex: tmp}
";
    assert!(is_prometheus(text));
    assert!(!is_prometheus("services: {}\nscrape_configs: []\n"));
    let mut jobs = jobs(text).unwrap();
    let unused: Vec<String> = jobs.unused.iter().map(|(place, name)| format!("{place} {name}")).collect();
    assert_eq!(unused, ["conf/prometheus.yml:5:1 alerting", "conf/prometheus.yml:7:1 remote_write"]);
    let mut contacts = Vec::new();
    jobs.move_secrets(&mut contacts);
    assert_eq!(contacts[0].address, "p");
    let config = &jobs.configs[0];
    assert_eq!((config.interval(), config.timeout()), (Span::from_secs(20), Span::from_secs(5)));
    assert_eq!(config.tls_config.ca_file.as_deref(), Some("conf/ca.pem"));
    assert_eq!(config.file_sd_configs[0].files, ["conf/targets/*.json"]);
    assert!(!serde_json::to_string(config).unwrap().contains("\"p\""), "the password is in no fact");
    assert_eq!(jobs.place("scrape_configs[0].tls_config").unwrap(), "conf/prometheus.yml:12:5");
}

#[test]
fn what_cannot_work_is_refused_with_a_hint() {
    let text = "scrape_configs:
  - {job_name: a, scrape_interval: 5s, scrape_timeout: 10s}
  - {job_name: a, relabel_configs: [{target_label: x}, {regex: '(', target_label: y}]}
  - {job_name: c, tls_config: {cert_file: c}, dns_sd_configs: [{names: [x], type: A}]}
  - {job_name: d, file_sd_configs: [{files: [x.txt]}], http_sd_configs: [{url: 'ftp://x'}]}
  - {job_name: e, basic_auth: {username: u}, authorization: {credentials: c}}
  - {job_name: f, static_configs: [{targets: ['http://shop:80']}]}
  - {job_name: g, static_configs: [{targets: ['http://shop:80']}], relabel_configs: [{target_label: __address__, replacement: 'prober:9115'}]}
";
    let jobs = jobs(text).unwrap();
    let found: Vec<String> = problems(&jobs.configs)
        .into_iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}
