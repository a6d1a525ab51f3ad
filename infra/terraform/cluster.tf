resource "google_container_cluster" "beit2" {
  #checkov:skip=CKV_GCP_65:Groups for roles of Kubernetes need a domain of Google Workspace, which a project need not have. Roles of IAM do without.
  #checkov:skip=CKV_GCP_66:Nothing here signs images, so a policy could only allow all of them.
  name                = "beit2"
  location            = var.region
  node_locations      = var.zones
  deletion_protection = var.deletion_protection

  network         = google_compute_network.beit2.id
  subnetwork      = google_compute_subnetwork.beit2.id
  networking_mode = "VPC_NATIVE"
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }
  datapath_provider           = "ADVANCED_DATAPATH" # enforces the NetworkPolicy of infra/flink, and needs no add-on for it
  enable_intranode_visibility = true
  network_policy {
    enabled = false # the add-on
  }

  # Nodes have no addresses in the internet, and neither has the API. kubectl reaches it by its name, where Google asks IAM who calls:
  # gcloud container clusters get-credentials --dns-endpoint
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = true
  }
  master_authorized_networks_config {}
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
  }
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }
  release_channel {
    channel = "REGULAR"
  }
  resource_labels = { app = "beit2" }

  # GKE makes this pool, and Terraform deletes it again: the pools below can be changed without a new cluster.
  remove_default_node_pool = true
  initial_node_count       = 1
  node_config {
    service_account = google_service_account.nodes.email
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }
  lifecycle {
    ignore_changes = [node_config]
  }

  # Without them its first nodes do not become ready.
  depends_on = [google_project_iam_member.nodes_telemetry, google_compute_router_nat.beit2]
}

resource "google_container_node_pool" "cpu" {
  name               = "cpu"
  cluster            = google_container_cluster.beit2.id
  initial_node_count = 1 # in each zone

  autoscaling {
    total_min_node_count = var.cpu_nodes_min
    total_max_node_count = var.cpu_nodes_max
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  node_config {
    machine_type    = var.cpu_machine_type
    disk_size_gb    = 100
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"] # the account's roles decide
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }
  lifecycle {
    ignore_changes = [initial_node_count]
  }
}

# From zero: a TaskManager that waits for a GPU brings a node, and a node without one goes. GKE taints these nodes with nvidia.com/gpu, and
# labels them cloud.google.com/gke-accelerator, as infra/flink expects.
resource "google_container_node_pool" "gpu" {
  #checkov:skip=CKV_GCP_68:NVIDIA's driver is a module of the kernel, and it was not tried whether Secure Boot lets GKE load it.
  name               = "gpu"
  cluster            = google_container_cluster.beit2.id
  initial_node_count = 0

  autoscaling {
    total_min_node_count = 0
    total_max_node_count = var.gpu_nodes_max
    location_policy      = "ANY" # where a GPU can be had
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  node_config {
    machine_type = var.gpu_machine_type
    disk_size_gb = 200 # for the image, and for /tmp, where shards are sorted
    guest_accelerator {
      type  = "nvidia-l4"
      count = 1
      gpu_driver_installation_config {
        gpu_driver_version = "LATEST" # DJL's library is built for CUDA 12.8
      }
    }
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"] # the account's roles decide
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = false
      enable_integrity_monitoring = true
    }
  }
  lifecycle {
    ignore_changes = [initial_node_count]
  }
}
