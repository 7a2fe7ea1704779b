/// Limits of recipes that more than their own field asks for. Those of the fields are in `RecipeField.all`.
public enum RecipeLimits {
  /// Side of the views, in pixels.
  public static let imageSize: ClosedRange<Int> = 8...512
  /// The least side of views with the ImageNet stem, which divides it by 32.
  public static let imageSizeWithImagenetStem = 32
  /// Training pictures that a stored recipe may name.
  public static let pictures: ClosedRange<Int> = 0...1_000_000_000
  /// Labels that a method can learn from.
  public static let classes: ClosedRange<Int> = 2...10_000
  /// The least pictures of a part of a batch: batch norm needs two.
  public static let partOfBatch = 2
  /// Training pictures that must differ where a whitened embedding is fitted to them.
  public static let distinctPictures = 3
  /// Batches that a dataset must fill.
  public static let batchesInDataset = 2
  /// Unknown members of one object that are reported one by one; the rest are counted.
  public static let listedUnknownFields = 20
}
