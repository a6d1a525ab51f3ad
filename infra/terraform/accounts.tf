# Who does what. No account has a key: nodes, pods and workers get tokens where they run.

# Flink's pods and the launcher, by Workload Identity.
resource "google_service_account" "flink" {
  account_id   = "beit2-flink"
  display_name = "Flink's pods of beit2"
  depends_on   = [google_project_service.apis]
}

# Jobs read images and shards, write runs, and replace metrics; Flink keeps its state for high availability.
resource "google_storage_bucket_iam_member" "flink_objects" {
  bucket = google_storage_bucket.data.name
  role   = "roles/storage.objectUser"
  member = google_service_account.flink.member
}

# Pods with the service account beit2 of infra/flink act as it, and no others do.
resource "google_service_account_iam_member" "flink_pods" {
  service_account_id = google_service_account.flink.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/beit2]"
  depends_on         = [google_container_cluster.beit2] # the first cluster with Workload Identity makes the project's pool
}

# The nodes of GKE. Pods do not get its tokens.
resource "google_service_account" "nodes" {
  account_id   = "beit2-nodes"
  display_name = "GKE nodes of beit2"
  depends_on   = [google_project_service.apis]
}

# Nodes write logs and metrics.
resource "google_project_iam_member" "nodes_telemetry" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# Nodes pull Flink's image.
resource "google_artifact_registry_repository_iam_member" "nodes_images" {
  repository = google_artifact_registry_repository.beit2.name
  location   = google_artifact_registry_repository.beit2.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

# Dataflow's workers, and the machine on which Dataflow starts a template's main class.
resource "google_service_account" "dataflow" {
  account_id   = "beit2-dataflow"
  display_name = "Dataflow's workers of beit2"
  depends_on   = [google_project_service.apis]
}

# Workers fetch work from Dataflow, shuffle, and write logs and metrics.
resource "google_project_iam_member" "dataflow_worker" {
  project = var.project
  role    = "roles/dataflow.worker"
  member  = google_service_account.dataflow.member
}

# Jobs read images and shards, and write shards, features and runs; Beam stages jars and the job.
resource "google_storage_bucket_iam_member" "dataflow_objects" {
  bucket = google_storage_bucket.data.name
  role   = "roles/storage.objectUser"
  member = google_service_account.dataflow.member
}

# Beam asks for the bucket of --tempLocation itself before it makes a job (storage.buckets.get).
resource "google_storage_bucket_iam_member" "dataflow_bucket" {
  bucket = google_storage_bucket.data.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.dataflow.member
}

# Workers pull the template's image.
resource "google_artifact_registry_repository_iam_member" "dataflow_images" {
  repository = google_artifact_registry_repository.beit2.name
  location   = google_artifact_registry_repository.beit2.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.dataflow.member
}

# Who launches templates, and can do nothing else: it reads neither images nor runs.
resource "google_service_account" "launcher" {
  account_id   = "beit2-launcher"
  display_name = "Launches Dataflow templates of beit2"
  depends_on   = [google_project_service.apis]
}

# It makes, watches and cancels jobs. Google's role for this, dataflow.developer, may start builds of Cloud Build, too, as another account.
resource "google_project_iam_custom_role" "launcher" {
  role_id     = "beit2Launcher"
  title       = "Launch and watch Dataflow jobs"
  permissions = ["dataflow.jobs.cancel", "dataflow.jobs.create", "dataflow.jobs.get", "dataflow.jobs.list", "dataflow.messages.list", "dataflow.metrics.get"]
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_member" "launcher_jobs" {
  project = var.project
  role    = google_project_iam_custom_role.launcher.name
  member  = google_service_account.launcher.member
}

# It starts jobs whose workers are beit2-dataflow, and no other account.
resource "google_service_account_iam_member" "launcher_workers" {
  service_account_id = google_service_account.dataflow.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.launcher.member
}

# Dataflow reads the template's file with the rights of who launches it.
resource "google_storage_bucket_iam_member" "launcher_templates" {
  bucket = google_storage_bucket.data.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.launcher.member
  condition {
    title      = "templates"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.data.name}/objects/templates/\")"
  }
}

# People act as it, by gcloud's --impersonate-service-account.
resource "google_service_account_iam_member" "launcher_people" {
  for_each           = toset(var.launchers)
  service_account_id = google_service_account.launcher.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.key
}
