namespace G2RL.Onnx.Artifacts.Training;

/// <summary>Slots and fixed texts of the checkpoint's flatbuffer schema, version 2.</summary>
internal static class OrtCheckpointFormat
{
    public const string Identifier = "ODTC";
    public const int Version = 2;
    public const string Group = "group0";
    public const string FirstMoment = "momentum0";
    public const string SecondMoment = "momentum1";

    /// <summary>Added to the checkpoint's path: the file that holds the data of large checkpoints.</summary>
    public const string DataSuffix = ".data";

    /// <summary>Tensors shorter than this stay in the checkpoint even where others lie outside.</summary>
    public const int SmallestOutside = 64;

    public static class Checkpoint
    {
        public const int Version = 0, ModuleState = 1, OptimizerGroups = 2, PropertyBag = 3, Slots = 4;
    }

    public static class ModuleState
    {
        public const int Trainable = 0, Frozen = 1, IsNominal = 2, HasExternalData = 3, Slots = 4;
    }

    public static class Tensor
    {
        public const int Name = 0, Dims = 2, DataType = 3, RawData = 4, ExternalDataOffset = 6, Slots = 7;
    }

    public static class OptimizerGroup
    {
        public const int Name = 0, Step = 1, InitialLearningRate = 2, States = 3, Slots = 4;
    }

    public static class ParameterState
    {
        public const int Name = 0, Moments = 1, Slots = 2;
    }

    public static class PropertyBag
    {
        public const int Ints = 0, Floats = 1, Strings = 2, Slots = 3;
    }

    public static class Property
    {
        public const int Name = 0, Value = 1, Slots = 2;
    }
}
