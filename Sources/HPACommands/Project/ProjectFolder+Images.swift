import HPACore
import HPAImages

extension ProjectFolder {
  /// Makes the working copies of every data set at every size that a model uses. What is there already stays.
  func importImages(onError: ImageImport.ErrorRule, force: Bool = false, threads: Int) throws -> [(
    dataset: String, report: ImageImport.Report
  )] {
    try configuration.datasets.map { dataset in
      var job = try importJob(dataset, threads: threads)
      (job.errorRule, job.force) = (onError, force)
      return (dataset.name, try job.run())
    }
  }

  /// The import of a data set, as `hpa.yaml` describes it.
  func importJob(_ dataset: ProjectConfiguration.Dataset, threads: Int) throws -> ImageImport {
    var job = ImageImport(
      images: path(dataset.images), layout: dataset.layout, out: importFolder(dataset.name), programVersion: Version.text)
    job.ids = try ids(of: dataset)
    (job.channelMap, job.method) = (dataset.channels, dataset.resize)
    job.sizes = Set(configuration.models.map(\.size)).sorted()
    job.threads = threads
    return job
  }

  /// The imported images of a data set at the size of a model.
  func images(of dataset: ProjectConfiguration.Dataset, size: Int) throws -> ImageSource {
    ImageSource(
      folder: try StainFolder(imported(dataset.name, size: size)), channelMap: dataset.channels, size: size, resize: dataset.resize)
  }
}
