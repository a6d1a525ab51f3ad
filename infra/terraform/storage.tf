# Runs, shards and templates have no rule here, so they stay until somebody deletes them.
resource "google_storage_bucket" "data" {
  #checkov:skip=CKV_GCP_62:A log of each read would be larger than it is useful: an epoch reads millions of ranges. Who needs one turns on data access logs of Cloud Audit Logs.
  #checkov:skip=CKV_GCP_78:Manifests and checkpoints are created once and not replaced. metrics.jsonl is replaced at each checkpoint, and each version of it would stay. What was deleted by mistake can be restored for a week (soft_delete_policy).
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  soft_delete_policy {
    retention_duration_seconds = 7 * 24 * 60 * 60
  }

  # Parts of uploads in many parts, as gcloud makes them. The commands' own uploads, which can be resumed, expire by themselves.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  # What Flink keeps for high availability: a job's graph and results. A job has some rounds, and ends long before.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["flink/ha/"]
    }
  }

  # Launches of a month share a folder here, and so the jars in it (README.md). The last job of a month may use a jar of its first day, and
  # Dataflow ends a batch job after 10 days.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 45
      matches_prefix = ["dataflow/staging/"]
    }
  }

  # A job's own files.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 14
      matches_prefix = ["dataflow/temp/"]
    }
  }

  depends_on = [google_project_service.apis]
}

# Images of infra/flink and of templates.
resource "google_artifact_registry_repository" "beit2" {
  #checkov:skip=CKV_GCP_84:Google's own keys encrypt it. A key of one's own costs money and can be lost, and the images hold no secrets.
  repository_id = "beit2"
  location      = var.region
  format        = "DOCKER"
  description   = "Flink and Dataflow images of beit2-beam"

  # An image that is pushed again under its tag leaves the old one without any; those with GPU libraries have gigabytes.
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "2592000s" # 30 days
    }
  }

  depends_on = [google_project_service.apis]
}
