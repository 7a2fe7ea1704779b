public import Checkpoints
import Durability

/// The digest of a model file's weights and preprocessing, 64 hexadecimal digits.
///
/// Names, shapes and values of the arrays count in the order of their names, and all metadata but what says where the model
/// comes from and who may read the file: two runs that arrive at the same encoder have the same fingerprint.
public func modelFingerprint(of file: Safetensors) -> String {
  var digest = SHA256()
  // A zero byte after each text keeps ("ab", "c") apart from ("a", "bc").
  for key in file.metadata.keys.sorted() where !isNoPartOfTheFunction(key) {
    digest.update(Array("\(key)\u{0}\(file.metadata[key] ?? "")\u{0}".utf8))
  }
  for array in file.arrays.sorted(by: { $0.name < $1.name }) {
    digest.update(Array("\(array.name)\u{0}\(array.shape)\u{0}".utf8))
    array.values.update(&digest)
  }
  return digest.hexDigest()
}

/// Whether a metadata key says nothing of what the model computes. (The file's own digest is not in `metadata`.)
private func isNoPartOfTheFunction(_ key: String) -> Bool {
  [EncoderModel.runKey, EncoderModel.stepKey, EncoderModel.frameworkKey].contains(key)
}

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
