public import Datasets
public import Images
public import Recipes

/// What the library must know of an admitted dataset to describe it.
public struct AdmittedDataset: Sendable, Hashable {
  /// Pictures in the pack.
  public var pictures: Int
  /// Pictures of each label.
  public var labels: [String: Int]
  /// Pictures of each split.
  public var splits: [String: Int]
  /// What runs learn from.
  public var size: DatasetSize

  /// The facts of a dataset.
  public init(
    pictures: Int, labels: [String: Int], splits: [String: Int], size: DatasetSize
  ) {
    self.pictures = pictures
    self.labels = labels
    self.splits = splits
    self.size = size
  }
}

/// One picture of a dataset with its label.
public struct DatasetPicture: Sendable {
  /// The pixels.
  public var image: Raster
  /// The label, if there is one.
  public var label: String?

  /// A picture with its label.
  public init(image: Raster, label: String?) {
    self.image = image
    self.label = label
  }
}

/// What turns archives and folders into datasets and reads pictures back.
public protocol DatasetAdmission: Sendable {
  /// Reads an archive or folder and makes `directory` with a pack and its `report.json`; tells `progress` how far it is.
  ///
  /// - Throws: `DatasetLibraryError`; what `directory` holds then is of no use.
  func admit(
    source: String, into directory: String,
    progress: @escaping @Sendable (AdmissionProgress) -> Void
  ) throws -> AdmittedDataset
  /// One picture of a pack.
  ///
  /// - Throws: `DatasetLibraryError.noSuchImage`; whatever reading throws.
  func picture(_ index: Int, of id: String, in directory: String) throws -> DatasetPicture
  /// At most `limit` pictures of a pack from number `first` on that the filter names.
  ///
  /// - Throws: `DatasetLibraryError.noSuchLabel`; whatever reading throws.
  func pictures(
    _ filter: DatasetFilter, from first: Int, limit: Int, in directory: String
  ) throws -> [ListedPicture]
  /// Closes what it may have open of a dataset that is being removed.
  func forget(_ directory: String)
}

/// Which pictures of a dataset are listed.
public struct DatasetFilter: Sendable, Hashable {
  /// Only pictures of this label; of none where it is empty. All where it is nil.
  public var label: String?
  /// Only pictures of this part. All where it is nil.
  public var split: Split?

  /// Pictures of a label and a part, all where they are nil.
  public init(label: String? = nil, split: Split? = nil) {
    (self.label, self.split) = (label, split)
  }
}

/// One picture of a listing.
public struct ListedPicture: Sendable, Hashable {
  /// Its number in the dataset, from 0.
  public var number: Int
  /// Its path in the source.
  public var name: String
  /// Its label, if there is one.
  public var label: String?
  /// The part of the dataset.
  public var split: Split
  /// Pixels per row, as stored.
  public var width: Int
  /// Rows, as stored.
  public var height: Int

  /// A picture of its facts.
  public init(
    number: Int, name: String, label: String?, split: Split, width: Int, height: Int
  ) {
    (self.number, self.name, self.label, self.split) = (number, name, label, split)
    (self.width, self.height) = (width, height)
  }
}

/// Why the library refused.
public enum DatasetLibraryError: Error, Hashable, Sendable {
  /// There is no such dataset.
  case notFound(String)
  /// There is no such picture in it.
  case noSuchImage(String, index: Int, count: Int)
  /// No picture of it has the label.
  case noSuchLabel(String)
  /// A run that is not over learns from it.
  case inUse(String)
  /// It is still being admitted.
  case notReady(String)
  /// The path does not lie under an allowed root.
  case pathNotAllowed(String)
  /// The bytes are no archive that is read.
  case unknownFormat
  /// More bytes than allowed.
  case tooLarge(limit: Int)
  /// The owner's datasets would take more than they may.
  case quotaExceeded(owner: String, limit: Int)
  /// No bytes at all.
  case empty
  /// The archive is broken or holds no usable picture.
  case rejected(String)
  /// No room on the disk.
  case diskFull
  /// Too many uploads at once, or the first request under the same key is not answered yet.
  case busy
  /// The key was used with another body.
  case idempotencyConflict
}
