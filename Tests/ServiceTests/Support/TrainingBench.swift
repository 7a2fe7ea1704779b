import Foundation

/// A folder with an archive of pictures, and the flags of a small training that is the same to the bit each time.
struct TrainingBench {
  let folder: FreshFolder
  /// The path of the archive.
  let pictures: String

  init() throws {
    folder = try FreshFolder()
    pictures = folder.path + "/pictures.tar"
    try Data(try pictureArchive(count: 40)).write(to: URL(fileURLWithPath: pictures))
  }

  static func flags(epochs: Int) -> [String] {
    [
      "--image-size", "16", "--width", "0.25", "--hidden", "16", "--projector-output", "8",
      "--threads", "1", "--precision", "float32", "--batch-size", "8", "--epochs", "\(epochs)",
      "--checkpoint-every-steps", "7",
    ]
  }

  /// What a checkpoint consists of.
  static func files(_ run: String, step: Int) throws -> [Data] {
    try ["state.safetensors", "model.safetensors"].map { name in
      try Data(contentsOf: URL(fileURLWithPath: "\(run)/checkpoints/\(step)/\(name)"))
    }
  }
}
