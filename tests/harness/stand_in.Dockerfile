FROM python:3.13-slim
COPY stand_in.py /
USER 65532:65532
ENTRYPOINT ["python", "/stand_in.py"]
