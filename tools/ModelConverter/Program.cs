using G2RL.Onnx.Converter;

return ConverterCommands.Run(args);
