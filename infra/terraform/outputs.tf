output "project" {
  description = "PROJECT."
  value       = var.project
}

output "region" {
  description = "REGION; --region of gcloud."
  value       = var.region
}

output "bucket" {
  description = "my-bucket, BUCKET."
  value       = google_storage_bucket.data.name
}

output "registry" {
  description = "Where images are pushed to: REGION-docker.pkg.dev/PROJECT/beit2."
  value       = "${google_artifact_registry_repository.beit2.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.beit2.repository_id}"
}

output "flink_service_account" {
  description = "Who Flink's pods are: iam.gke.io/gcp-service-account of infra/flink/overlays/gpu/account.yaml."
  value       = google_service_account.flink.email
}

output "dataflow_service_account" {
  description = "Who Dataflow's workers are: --service-account-email of gcloud dataflow."
  value       = google_service_account.dataflow.email
}

output "launcher_service_account" {
  description = "Who launches templates: --impersonate-service-account of gcloud dataflow."
  value       = google_service_account.launcher.email
}

output "subnetwork" {
  description = "Where Dataflow's workers run: --subnetwork of gcloud dataflow."
  value       = "regions/${var.region}/subnetworks/${google_compute_subnetwork.beit2.name}"
}

output "cluster" {
  description = "Name of the cluster, for gcloud container clusters get-credentials."
  value       = google_container_cluster.beit2.name
}
