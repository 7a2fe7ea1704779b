/// A named set of values for what a request leaves open.
public enum RecipePreset: String, Hashable, Sendable, Codable, CaseIterable {
  /// For tens to tens of thousands of pictures on a computer without accelerator.
  case small
  /// The authors' recipe for Imagenette: ResNet-18, 128 pixels, batch 256, 1000 epochs.
  case imagenette
  /// The paper's recipe of 40 epochs with batch 4096.
  case paper40 = "paper-40"
  /// The paper's recipe of 100 epochs with batch 4096.
  case paper100 = "paper-100"
  /// The paper's recipe of 300 epochs with batch 4096.
  case paper300 = "paper-300"
  /// The paper's recipe of 1000 epochs with batch 4096.
  case paper1000 = "paper-1000"
}
