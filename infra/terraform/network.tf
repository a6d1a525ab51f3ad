# Nodes and Dataflow's workers have no addresses in the internet. They reach Google's services by Private Google Access.
resource "google_compute_network" "beit2" {
  name                    = "beit2"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.apis]
}

resource "google_compute_subnetwork" "beit2" {
  name                     = "beit2"
  network                  = google_compute_network.beit2.id
  ip_cidr_range            = "10.0.0.0/20"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.4.0.0/16"
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.8.0.0/20"
  }

  # A tenth of the flows, so that workers which exchange parameters do not fill the logs.
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

# The way out, for images of others, such as that of Flink's operator.
resource "google_compute_router" "beit2" {
  name    = "beit2"
  network = google_compute_network.beit2.id
}

resource "google_compute_router_nat" "beit2" {
  name                               = "beit2"
  router                             = google_compute_router.beit2.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# Dataflow's workers talk to each other, and Dataflow gives them this tag. Nothing else may connect to them.
resource "google_compute_firewall" "dataflow" {
  name        = "beit2-dataflow"
  network     = google_compute_network.beit2.id
  direction   = "INGRESS"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]
  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}
