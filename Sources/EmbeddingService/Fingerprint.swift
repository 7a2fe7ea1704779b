import Checkpoints
import Durability

/// The digest of a model file's weights and preprocessing, 64 hexadecimal digits.
///
/// Names, shapes and numbers of the arrays count in the order of their names, and all metadata but what tells
/// where the model comes from; so two runs that arrive at the same encoder have the same fingerprint.
/// - Throws: `CheckpointError` where the file does not read back.
@Sendable
public func modelFingerprint(_ modelFile: String) throws -> String {
  let file = try Safetensors(reading: modelFile)
  var digest = SHA256()
  for key in file.metadata.keys.sorted() where !provenance.contains(key) {
    digest.update(Array("\(key)\u{0}\(file.metadata[key] ?? "")\u{0}".utf8))
  }
  for array in file.arrays.sorted(by: { $0.name < $1.name }) {
    digest.update(Array("\(array.name)\u{0}\(array.shape)\u{0}".utf8))
    array.values.update(&digest)
  }
  return digest.hexDigest()
}

/// Metadata that says where a model comes from and not what it computes.
private let provenance: Set<String> = [
  "byol.sha256", "run", "byol.run", "step", "byol.step", "dataset", "byol.dataset", "created_at",
  "recipe", "byol.recipe",
]

extension CheckpointArray.Values {
  fileprivate func update(_ digest: inout SHA256) {
    switch self {
    case .float32(let values):
      unsafe values.withUnsafeBytes { unsafe digest.update($0) }
    case .int64(let values):
      unsafe values.withUnsafeBytes { unsafe digest.update($0) }
    case .uint8(let values):
      unsafe values.withUnsafeBytes { unsafe digest.update($0) }
    }
  }
}
